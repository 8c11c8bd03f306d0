package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"forge.ourworld.tf/lhumina_code/hero/internal/access"
	"forge.ourworld.tf/lhumina_code/hero/internal/proxy"
)

// authority signs certificates into files.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	a.cert = must(x509.ParseCertificate(a.sign(name, &a.key.PublicKey, true)))
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(name string, key *ecdsa.PublicKey, ca bool) []byte {
	c := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: ca, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	parent := a.cert
	if ca {
		c.KeyUsage, parent = x509.KeyUsageCertSign, c
	}
	return must(x509.CreateCertificate(rand.Reader, c, parent, key, a.key))
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return path
}

// issue writes a certificate for a name, and its key.
func (a *authority) issue(file, name string) (cert, key string) {
	a.t.Helper()
	k := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	return a.write(file+".pem", "CERTIFICATE", a.sign(name, &k.PublicKey, false)), a.write(file+".key", "EC PRIVATE KEY", must(x509.MarshalECPrivateKey(k)))
}

// TestTLS holds that callers who show a certificate are whom it names, that
// nobody else is, and that a certificate that is replaced is in use at once.
func TestTLS(t *testing.T) {
	f := newFixture(t, true)
	f.upstream("hero_food_server/root/delivery.sock", echo)
	f.set()
	a, stranger := newAuthority(t, "people"), newAuthority(t, "strangers")
	files := access.TLS{ClientCA: filepath.Join(a.dir, "ca.pem")}
	files.Cert, files.Key = a.issue("server", "server one")
	policy := must(access.Parse([]byte("local = false\n[[rule]]\nwho = ['anna']\nallow = ['hero_food/root/delivery']\n")))
	door := proxy.New(proxy.Options{Places: f.places, Tree: f.tree.Load, Policy: func() *access.Policy { return policy }})
	t.Cleanup(door.Close)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	s := httptest.NewUnstartedServer(door)
	s.Listener.Close()
	s.Listener = door.Listen(must(proxy.Secure(l, files, nil)), false)
	s.Config.ConnContext = proxy.ConnContext
	s.Start()
	t.Cleanup(s.Close)

	ask := func(by *authority, name string) (string, *x509.Certificate, error) {
		conf := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost"}
		conf.RootCAs.AddCert(a.cert)
		if by != nil {
			cert, key := by.issue("client", name)
			pair := must(tls.LoadX509KeyPair(cert, key))
			conf.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		}
		tr := &http.Transport{TLSClientConfig: conf}
		defer tr.CloseIdleConnections()
		req := must(http.NewRequestWithContext(context.Background(), "POST", "https://"+l.Addr().String()+"/hero_food/root/delivery/rpc", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"x"}`)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Origin", "https://"+l.Addr().String())
		resp, err := tr.RoundTrip(req)
		if err != nil {
			return "", nil, err
		}
		defer resp.Body.Close()
		return resp.Status + "\n" + string(must(io.ReadAll(resp.Body))), resp.TLS.PeerCertificates[0], nil
	}
	for _, c := range []struct {
		by        *authority
		name, has string
	}{{nil, "", "401 "}, {a, "anna", "X-Hero-User: anna\r"}, {a, "anna", "X-Forwarded-Proto: https\r"}, {a, "bert", "403 "}, {a, "local", "401 "}, {a, "*", "401 "}} {
		got, _, err := ask(c.by, c.name)
		if err != nil || !strings.Contains(got, c.has) {
			t.Errorf("%q: %v %s; want %q", c.name, err, got, c.has)
		}
	}
	if got, _, err := ask(stranger, "anna"); err == nil {
		t.Errorf("a certificate of another authority: %s", got)
	}

	a.issue("server", "server two")
	if _, cert, err := ask(a, "anna"); err != nil || cert.Subject.CommonName != "server two" {
		t.Errorf("after the certificate was replaced: %v %v", cert, err)
	}
	a.write("server.pem", "CERTIFICATE", []byte("broken"))
	if _, cert, err := ask(a, "anna"); err != nil || cert.Subject.CommonName != "server two" {
		t.Errorf("after it was replaced by a broken one: %v %v", cert, err)
	}
	if _, err := proxy.Secure(l, files, nil); err == nil {
		t.Error("a broken certificate is served")
	}
}
