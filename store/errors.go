package store

import (
	"context"
	"errors"

	"modernc.org/sqlite"

	"forge.ourworld.tf/lhumina_code/hero/fault"
)

// SQLite's primary result codes that a reader can do something about.
const (
	codeBusy      = 5
	codeLocked    = 6
	codeReadOnly  = 8
	codeInterrupt = 9
	codeIO        = 10
	codeCorrupt   = 11
	codeFull      = 13
	codeCantOpen  = 14
	codeUnique    = 19
	codeNotDB     = 26
)

// explain gives an error of SQLite its kind and says what to do about it.
func (s *Store) explain(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case codeFull:
		return fault.WithHint(fault.Errorf(fault.Unavailable, "%s: the disk is full, the change was not made: %w", s.path, err),
			"free space on the disk that holds "+s.path+" and repeat the request; what was stored before is untouched")
	case codeIO, codeReadOnly, codeCantOpen:
		return fault.WithHint(fault.Errorf(fault.Unavailable, "%s: the file cannot be used, the change was not made: %w", s.path, err),
			"check the free space, the rights and the health of the disk that holds "+s.path+", then repeat the request")
	case codeCorrupt, codeNotDB:
		return fault.WithHint(fault.Errorf(fault.Internal, "%s: the file is damaged: %w", s.path, err),
			"stop the service, move "+s.path+" aside with the -wal and -shm files beside it, and restore it from a backup")
	case codeBusy, codeLocked:
		return fault.WithHint(fault.Errorf(fault.Unavailable, "%s: another writer holds the file: %w", s.path, err),
			"repeat the request; if it lasts, look for a second process that has the file open")
	case codeInterrupt:
		return fault.Errorf(fault.Canceled, "%s: %w", s.path, errors.Join(context.Canceled, err))
	case codeUnique:
		return fault.Errorf(fault.Conflict, "%s: %w", s.path, err)
	}
	return fault.Errorf(fault.Internal, "%s: %w", s.path, err)
}
