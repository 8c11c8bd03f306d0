package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// measure sends request over and over on conns connections and returns the
// responses a second. Every response must be HTTP 200 and hold want.
func measure(path string, request, want []byte, conns int, length time.Duration) (float64, error) {
	var wg sync.WaitGroup
	counts := make([]int, conns)
	errs := make([]error, conns)
	begin := time.Now()
	deadline := begin.Add(length)
	for i := range conns {
		wg.Go(func() { counts[i], errs[i] = drive(path, request, want, deadline) })
	}
	wg.Wait()
	took := time.Since(begin)
	total := 0
	for _, n := range counts {
		total += n
	}
	return float64(total) / took.Seconds(), errors.Join(errs...)
}

func drive(path string, request, want []byte, deadline time.Time) (n int, err error) {
	conn, err := net.Dial("unix", path)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline.Add(10 * time.Second)); err != nil {
		return 0, err
	}
	in := bufio.NewReaderSize(conn, 8<<10)
	body := make([]byte, 0, 8<<10)
	for ; time.Now().Before(deadline); n++ {
		if _, err := conn.Write(request); err != nil {
			return n, err
		}
		if body, err = readResponse(in, body[:0]); err != nil {
			return n, err
		}
		if !bytes.Contains(body, want) {
			return n, fmt.Errorf("answered %.200q, want it to hold %q", body, want)
		}
	}
	return n, nil
}

// readResponse reads one HTTP/1.1 response and appends its body to body.
func readResponse(in *bufio.Reader, body []byte) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return body, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return body, fmt.Errorf("answered %q", bytes.TrimSpace(line))
	}
	length, chunked := -1, false
	for {
		line, err = in.ReadSlice('\n')
		if err != nil {
			return body, err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return body, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			chunked = true
		}
	}
	if !chunked {
		return readN(in, body, length)
	}
	for {
		if line, err = in.ReadSlice('\n'); err != nil {
			return body, err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return body, err
		}
		if body, err = readN(in, body, int(size)); err != nil {
			return body, err
		}
		if _, err = in.ReadSlice('\n'); err != nil || size == 0 {
			return body, err
		}
	}
}

func readN(in *bufio.Reader, body []byte, n int) ([]byte, error) {
	if n < 0 {
		return body, errors.New("a response without a length")
	}
	at := len(body)
	body = append(body, make([]byte, n)...)
	_, err := io.ReadFull(in, body[at:])
	return body, err
}
