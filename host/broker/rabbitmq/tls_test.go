package rabbitmq_test

import (
	"context"
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
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/broker/rabbitmq"
	"github.com/sparkstalk/sparkstalk/host/internal/proctest"
)

func TestTLS(t *testing.T) {
	plain := proctest.RabbitMQ(t)
	listener, ca := tlsFront(t, address(t, plain))
	url := "amqps://guest:guest@" + listener + "//"
	large := strings.Repeat("large ", 100_000)

	t.Run("with its certificate", func(t *testing.T) {
		q := durable(t)
		b := open(t, rabbitmq.Config{URL: url + "?cacertfile=" + ca, Queues: []broker.Queue{q}})
		got := consume(t, b)
		eventually(t, "connected", b.Connected)
		err := b.Publish(context.Background(), broker.Publication{
			RoutingKey: q.Name, Message: broker.Message{Body: []byte(large), Headers: map[string]any{"n": int64(1 << 40)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		d := next(t, got)
		if string(d.Body) != large || d.Headers["n"] != int64(1<<40) {
			t.Errorf("got %d bytes, headers %v", len(d.Body), d.Headers)
		}
		if err := d.Settler.Ack(); err != nil {
			t.Error(err)
		}
	})
	t.Run("with a configuration", func(t *testing.T) {
		b := open(t, rabbitmq.Config{URL: url, TLS: &tls.Config{InsecureSkipVerify: true}})
		if err := b.Publish(context.Background(), broker.Publication{RoutingKey: "none"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("not trusted", func(t *testing.T) {
		wantText(t, runError(t, rabbitmq.Config{URL: url}), "the certificate is not trusted", "cacertfile", "guest:***@")
	})
}

// tlsFront accepts TLS for a server that has none, and returns its address and
// the file of its certificate.
func tlsFront(t *testing.T, target string) (string, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
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
	})
	t.Cleanup(func() {
		_ = listener.Close()
		all.Wait()
	})
	return listener.Addr().String(), ca
}
