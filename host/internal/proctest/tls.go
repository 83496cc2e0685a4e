package proctest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// A TLSFront accepts TLS for a server that has none.
type TLSFront struct {
	Address string // 127.0.0.1:port
	// Files of what a client needs: the authority that signed the front's
	// certificate, and a certificate and key of its own by the same.
	CA, Cert, Key string
}

// TLS returns a front of the server at target, until the test ends. It asks
// each client for a certificate if clients is true.
func TLS(t testing.TB, target string, clients bool) TLSFront {
	t.Helper()
	ca := newAuthority(t)
	dir := t.TempDir()
	f := TLSFront{CA: filepath.Join(dir, "ca.pem"), Cert: filepath.Join(dir, "client.pem"), Key: filepath.Join(dir, "client.key")}
	ca.write(t, f.CA, "CERTIFICATE", ca.certificate.Raw)
	own := ca.sign(t)
	ca.write(t, f.Cert, "CERTIFICATE", own.Certificate[0])
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	ca.write(t, f.Key, "PRIVATE KEY", key)

	config := &tls.Config{Certificates: []tls.Certificate{ca.sign(t)}, NextProtos: []string{"h2"}}
	if clients {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(ca.certificate)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	if err != nil {
		t.Fatal(err)
	}
	f.Address = listener.Addr().String()
	var all sync.WaitGroup
	all.Go(func() { passOn(listener, target, &all) })
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return f
}

// passOn connects what listener accepts with target, until it is closed.
func passOn(listener net.Listener, target string, all *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		all.Go(func() {
			defer func() { _ = client.Close() }()
			server, err := net.Dial("tcp", target)
			if err != nil {
				return
			}
			defer func() { _ = server.Close() }()
			all.Go(func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			})
			_, _ = io.Copy(client, server)
		})
	}
}

// An authority signs certificates for this machine.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate, key}
}

// sign returns a new certificate, good for either side.
func (a authority) sign(t testing.TB) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), NotBefore: a.certificate.NotBefore, NotAfter: a.certificate.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (authority) write(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
