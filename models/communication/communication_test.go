package communication_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/models/communication"
)

const mail = "From: =?utf-8?q?Ann_P=C3=A9?= <ann@example.org>\r\nTo: bo@example.org, cy@example.org\r\n" +
	"Subject: =?iso-8859-1?q?Caf=E9?=\r\nDate: Fri, 02 Jan 2026 03:04:05 +0100\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n" +
	"--c\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n" +
	"--c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nAt noon in the caf=E9.\r\n" +
	"--c--\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\n\r\nx\r\n--b--\r\n"

func ExampleParseMail() {
	m, err := communication.ParseMail(mail)
	fmt.Println(err)
	fmt.Println(m.Author, m.To, m.Subject)
	fmt.Println(m.Message)
	fmt.Println(m.SendLog[0].Timestamp.String())
	// Output:
	// <nil>
	// ann@example.org [bo@example.org cy@example.org] Café
	// At noon in the café.
	// 2026-01-02 02:04:05 +0000 UTC
}

func TestMailThatCannotBeRead(t *testing.T) {
	for name, text := range map[string]string{
		"html only":                "Content-Type: text/html\r\n\r\n<p>",
		"bad address":              "From: <<<>>>\r\n\r\nhello",
		"too large":                "Subject: x\r\n\r\n" + strings.Repeat("x", 1<<20),
		"too many":                 "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: text/html\r\n\r\nx\r\n", 200) + "--b--",
		"never ends":               "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\nx",
		"a boundary in a boundary": strings.Repeat("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n", 2000),
	} {
		m, err := communication.ParseMail(text)
		if k := fault.Of(err); err == nil || k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("%s: %+v, %v; want invalid", name, m, err)
		}
	}
}

// FuzzMail: whatever comes is refused as invalid, or is text.
func FuzzMail(f *testing.F) {
	f.Add(mail)
	f.Add("Subject: =?x?b?" + base64.StdEncoding.EncodeToString([]byte{0xff, 0xfe}) + "?=\r\nContent-Type: text/plain; charset=nothing\r\n\r\n\xff")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := communication.ParseMail(text)
		if k := fault.Of(err); err != nil && k != fault.Invalid && k != fault.TooLarge {
			t.Errorf("%v", err)
		}
		for _, s := range append(append([]string{m.Subject, m.Message, m.Author}, m.To...), m.CC...) {
			if !utf8.ValidString(s) {
				t.Errorf("%q is no text", s)
			}
		}
	})
}
