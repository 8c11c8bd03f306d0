package communication

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // reads the character sets that mail is written in
	"github.com/emersion/go-message/mail"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/store"
)

// ReceiveParams hold a mail as it came.
type ReceiveParams struct {
	MIME string `json:"mime" doc:"The mail with its header (RFC 5322), 1 MiB at the most."`
}

const (
	maxMail  = 1 << 20 // bytes
	maxParts = 100
)

func (d *domain) receive(ctx context.Context, p ReceiveParams) (Message, error) {
	m, err := ParseMail(p.MIME)
	if err != nil {
		return Message{}, err
	}
	return d.messages.Create(ctx, m)
}

// ParseMail reads a mail (RFC 5322, with MIME) into a message: its subject, who
// wrote it, to whom, and its first part of plain text. A mail that cannot be
// read is fault.Invalid.
func ParseMail(text string) (Message, error) {
	if len(text) > maxMail {
		return Message{}, fault.Errorf(fault.TooLarge, "mime: larger than %d bytes", maxMail)
	}
	r, err := mail.CreateReader(strings.NewReader(text))
	if err != nil && !message.IsUnknownCharset(err) {
		return Message{}, fault.Errorf(fault.Invalid, "mime: %w", err)
	}
	defer r.Close()
	var m Message
	if subject, err := r.Header.Subject(); err == nil {
		m.Subject = clean(subject)
	}
	from, err := addresses(r.Header, "From")
	if err != nil {
		return Message{}, err
	}
	if len(from) > 0 {
		m.Author = from[0]
	}
	if m.To, err = addresses(r.Header, "To"); err != nil {
		return Message{}, err
	}
	if m.CC, err = addresses(r.Header, "Cc"); err != nil {
		return Message{}, err
	}
	if at, err := r.Header.Date(); err == nil && !at.IsZero() {
		m.SendLog = []SendLog{{To: m.To, CC: m.CC, Status: "received", Timestamp: store.TimeOf(at)}}
	}
	if m.Message, err = plain(r); err != nil {
		return Message{}, err
	}
	return m, nil
}

// plain returns the first part that is plain text.
func plain(r *mail.Reader) (string, error) {
	for range maxParts {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return "", fault.Errorf(fault.Invalid, "mime: the mail has no part of plain text")
		}
		if err != nil && !message.IsUnknownCharset(err) {
			return "", fault.Errorf(fault.Invalid, "mime: %w", err)
		}
		h, ok := part.Header.(*mail.InlineHeader)
		if !ok {
			continue
		}
		if kind, _, err := h.ContentType(); err != nil || kind != "" && kind != "text/plain" {
			continue
		}
		body, err := io.ReadAll(io.LimitReader(part.Body, maxMail))
		if err != nil {
			return "", fault.Errorf(fault.Invalid, "mime: %w", err)
		}
		return clean(strings.ReplaceAll(string(body), "\r\n", "\n")), nil
	}
	return "", fault.Errorf(fault.TooLarge, "mime: more than %d parts", maxParts)
}

func addresses(h mail.Header, field string) ([]string, error) {
	list, err := h.AddressList(field)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "mime: %s: %w", field, err)
	}
	var all []string
	for _, a := range list {
		all = append(all, clean(a.Address))
	}
	return all, nil
}

// clean makes text of what may be none, for JSON holds nothing else.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
