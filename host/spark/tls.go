package spark

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"google.golang.org/grpc/credentials"
)

// TLS says how a connection is protected. The zero value trusts what the
// system trusts. With any field set, TLS is used as with use_ssl=true.
type TLS struct {
	// CA is a file of certificates (PEM): the authorities to trust. Empty means
	// those in the file that GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names, as for
	// PySpark, or else the system's.
	CA string
	// Cert and Key are files (PEM) of the client's own certificate and its key,
	// for servers that ask for one.
	Cert, Key string
}

// credentials loads the files once: who renews them restarts the host.
func (t TLS) credentials(host string) (credentials.TransportCredentials, error) {
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	file := t.CA
	if file == "" {
		file = os.Getenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
	}
	if file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the Spark remote's authorities: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("the Spark remote's authorities: %s holds no certificate (PEM)", file)
		}
	}
	switch {
	case t.Cert != "" && t.Key != "":
		own, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("this client's certificate for the Spark remote: %w", err)
		}
		config.Certificates = []tls.Certificate{own}
	case t.Cert != "" || t.Key != "":
		return nil, errors.New("this client's certificate for the Spark remote is two files: the certificate and its key")
	}
	return credentials.NewTLS(config), nil
}

// saysUntrusted reports whether one side does not accept the other's
// certificate, or speaks no TLS at all. Waiting does not help.
func saysUntrusted(message string) bool {
	for _, words := range []string{
		"failed to verify certificate", "remote error: tls:", "first record does not look like a TLS handshake",
		"missing selected ALPN",
	} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}
