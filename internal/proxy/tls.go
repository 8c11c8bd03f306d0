package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"

	"forge.ourworld.tf/lhumina_code/hero/fault"
	"forge.ourworld.tf/lhumina_code/hero/internal/access"
)

// Secure returns a listener whose connections are encrypted, by the files that
// a policy names. A certificate that is replaced is in use with the next
// connection; while the new one has a fault, the one before is. HTTP/1.1 is
// spoken on them, for it is followed byte by byte.
func Secure(l net.Listener, files access.TLS, log *slog.Logger) (net.Listener, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	k := &keyPair{files: files, log: log}
	if _, err := k.get(nil); err != nil {
		return nil, err
	}
	conf := &tls.Config{GetCertificate: k.get, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if files.ClientCA != "" {
		pem, err := os.ReadFile(files.ClientCA)
		if err != nil {
			return nil, fault.Errorf(fault.Unavailable, "read client_ca: %w", err)
		}
		conf.ClientCAs, conf.ClientAuth = x509.NewCertPool(), tls.VerifyClientCertIfGiven
		if !conf.ClientCAs.AppendCertsFromPEM(pem) {
			return nil, fault.Errorf(fault.Invalid, "read client_ca: %s holds no certificate", files.ClientCA)
		}
	}
	return secured{tls.NewListener(l, conf)}, nil
}

// secured is a listener of TLS.
type secured struct{ net.Listener }

// keyPair is a certificate with its key, as the files hold them now.
type keyPair struct {
	files access.TLS
	log   *slog.Logger

	mu        sync.Mutex // guards what follows
	cert, key os.FileInfo
	pair      *tls.Certificate
}

// get reads the files where they have changed.
func (k *keyPair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	cert, err := os.Stat(k.files.Cert)
	key, keyErr := os.Stat(k.files.Key)
	if err = errors.Join(err, keyErr); err == nil {
		if k.pair != nil && same(k.cert, cert) && same(k.key, key) {
			return k.pair, nil
		}
		var pair tls.Certificate
		if pair, err = tls.LoadX509KeyPair(k.files.Cert, k.files.Key); err == nil {
			k.pair, k.cert, k.key = &pair, cert, key
			return k.pair, nil
		}
	}
	if k.pair == nil {
		return nil, fault.Errorf(fault.Unavailable, "read the certificate: %w", err)
	}
	k.log.Error("the certificate has a fault; the one before stays in use", "error", err)
	return k.pair, nil
}

type tlsKey struct{}

// encrypted tells a request what its connection is encrypted by: net/http sees
// only the connection that follows the framing.
func encrypted(r *http.Request) {
	if c, ok := r.Context().Value(tlsKey{}).(*tls.Conn); ok && r.TLS == nil {
		state := c.ConnectionState()
		r.TLS = &state
	}
}

// withTLS keeps, for the handler, the encrypted connection of a request.
func withTLS(ctx context.Context, c *strictConn) context.Context {
	if conn, ok := c.Conn.(*tls.Conn); ok {
		return context.WithValue(ctx, tlsKey{}, conn)
	}
	return ctx
}

// certified takes who showed a certificate, and no token, for whom it names.
// The handshake has proved the certificate to be of the authority that the
// policy names.
func (v *visit) certified(r *http.Request) {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 || len(r.Header["Authorization"]) > 0 {
		return
	}
	v.caller, v.known = v.policy.Certified(r.TLS.VerifiedChains[0][0].Subject.CommonName)
}
