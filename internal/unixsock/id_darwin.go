package unixsock

import "syscall"

func idOf(st *syscall.Stat_t) ID {
	return ID{Dev: uint64(st.Dev), Ino: st.Ino, CtimeNano: st.Ctimespec.Nano()}
}
