package spark

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseRemote(t *testing.T) {
	for text, want := range map[string]remote{
		"sc://localhost":  {host: "localhost", address: "localhost:15002"},
		"sc://localhost/": {host: "localhost", address: "localhost:15002"},
		" sc://spark.example.com:443/;use_ssl=true":               {host: "spark.example.com", address: "spark.example.com:443", tls: true},
		"sc://[::1]:15003":                                        {host: "::1", address: "[::1]:15003"},
		"sc://[fe80::1]":                                          {host: "fe80::1", address: "[fe80::1]:15002"},
		"sc://h/;token=a%2Fb%3D;use_ssl=true":                     {host: "h", address: "h:15002", tls: true, token: "a/b="},
		"sc://h/;token=t":                                         {host: "h", address: "h:15002", tls: true, token: "t"},
		"sc://h/;token=t;use_ssl=false":                           {host: "h", address: "h:15002", plaintext: true, token: "t"},
		"sc://127.0.0.1/;token=t":                                 {host: "127.0.0.1", address: "127.0.0.1:15002", token: "t"},
		"sc://h:1;user_id=ann;user_agent=me":                      {host: "h", address: "h:1", userID: "ann", userAgent: "me"},
		"sc://h/;X-Cluster=c;;":                                   {host: "h", address: "h:15002", headers: map[string]string{"x-cluster": "c"}},
		"sc://h/;session_id=7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1": {host: "h", address: "h:15002", sessionID: "7b2f0a4c-8a52-4f8e-9f5a-0b1f3ad2f6d1"},
	} {
		if want.headers == nil {
			want.headers = map[string]string{}
		}
		got, err := parseRemote(text)
		got.complete(Config{})
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "localhost:15002", "http://h", "sc://", "sc:///;token=secret", "sc://h/path", "sc://user:secret@h", "sc://fe80::1",
		"sc://h/;token", "sc://h/;=secret", "sc://h/;token=%zz", "sc://h/;use_ssl=maybe", "sc://h/;session_id=secret", "sc://h/;grpc-x=1", "sc://h/;a b=1",
		"sc://h/;user_agent=" + strings.Repeat("x", 3000),
	} {
		if _, err := parseRemote(text); err == nil {
			t.Errorf("%s is accepted", text)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells: %v", text, err)
		}
	}
}

func TestATokenIsNotSentInPlainText(t *testing.T) {
	const remote = "sc://spark.example.com/;token=secret;use_ssl=false"
	if s, err := Open(Config{Remote: remote}); err == nil {
		t.Errorf("opened %v", s)
	}
	s, err := Open(Config{Remote: remote, PlaintextToken: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
