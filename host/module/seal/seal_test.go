package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// body is a module as far as seals are concerned.
var body = []byte(header + "\x01\x04\x01\x60\x00\x00")

func key(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	private, _, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "k.key")
	if err := os.WriteFile(path, private, 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := ReadPrivateKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func write(t *testing.T, module []byte, o Options) []byte {
	t.Helper()
	file, err := Write(module, o)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestASealSaysWhatWasSealed(t *testing.T) {
	if s, err := Read(body); s != nil || err != nil {
		t.Errorf("an unsealed module: %+v, %v", s, err)
	}
	k, at := key(t), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	file := write(t, body, Options{Manifest: []byte(`{"abi":1}`), Key: k, SignedAt: at})
	s, err := Read(file)
	if err != nil || !s.Signed() || !k.Public().(ed25519.PublicKey).Equal(s.Key) || string(s.Manifest) != `{"abi":1}` ||
		s.Version != uint64(at.Unix()) || !s.SignedAt.Equal(at) || s.Length >= len(file) {
		t.Fatalf("Read = %+v, %v", s, err)
	}
	if again := write(t, file, Options{Manifest: []byte(`{"abi":1}`), Key: k, SignedAt: at}); !bytes.Equal(again, file) {
		t.Error("sealing it again makes another file")
	}
	bare, err := Strip(file)
	if err != nil || !bytes.Equal(bare, body) {
		t.Errorf("Strip = %x, %v", bare, err)
	}
	unsigned := write(t, file, Options{})
	if s, err := Read(unsigned); err != nil || s.Signed() || s.Manifest != nil {
		t.Errorf("Read = %+v, %v", s, err)
	}
	if _, err := Write([]byte("no module"), Options{}); err == nil {
		t.Error("what is no module was sealed")
	}
	if _, err := Write(body, Options{Manifest: bytes.Repeat([]byte("1"), maxSeal)}); err == nil {
		t.Error("a seal of 4 MiB was made")
	}
}

func TestEveryCutAndEveryFlippedBitShows(t *testing.T) {
	k := key(t)
	for _, o := range []Options{{}, {Manifest: []byte(`{"abi":1,"tasks":[{"name":"t.x"}]}`)}, {Manifest: []byte(`{}`), Key: k}} {
		file := write(t, body, o)
		for n := len(header) + len(marker); n < len(file); n++ {
			if s, err := Read(file[:n]); s != nil || !errors.Is(err, ErrCut) {
				t.Fatalf("cut to %d of %d bytes: %+v, %v", n, len(file), s, err)
			}
		}
		for i := range len(file) * 8 {
			bad := bytes.Clone(file)
			bad[i/8] ^= 1 << (i % 8)
			if _, err := Read(bad); err == nil {
				t.Fatalf("bit %d of byte %d of %d flipped: no error", i%8, i/8, len(file))
			}
		}
	}
}

func TestASealByTheTableForOtherLanguages(t *testing.T) {
	module := []byte("\x00asm\x01\x00\x00\x00" + "\x00\x12\x11sparkstalk.sealed" + "\x01\x04\x01\x60\x00\x00")
	k := key(t)
	statement := fmt.Sprintf("{\"length\": %d, \"sha256\": \"%x\",\n \"manifest\": {\"abi\": 1}, \"key\": \"%s\", \"version\": 5}",
		len(module), sha256.Sum256(module), base64.StdEncoding.EncodeToString(k.Public().(ed25519.PublicKey)))
	content := statement + string(ed25519.Sign(k, []byte("sparkstalk seal 1\n"+statement)))
	sum := sha256.Sum256([]byte(content))
	content += string(sum[:]) + string(binary.LittleEndian.AppendUint32(nil, uint32(len(statement))))
	body := "\x0fsparkstalk.seal" + content
	size := len(body) + 4 + 8
	// A size of five bytes, as some tools write them all.
	leb := []byte{byte(size)&0x7f | 0x80, byte(size>>7)&0x7f | 0x80, 0x80, 0x80, 0}
	total := 1 + len(leb) + size
	file := slices.Concat(module, []byte{0}, leb, []byte(body), binary.LittleEndian.AppendUint32(nil, uint32(total)), []byte("sealed/1"))
	s, err := Read(file)
	if err != nil || s.Length != len(module) || s.Version != 5 || string(s.Manifest) != `{"abi": 1}` || !s.Signed() {
		t.Errorf("Read = %+v, %v", s, err)
	}
}

func TestForgeries(t *testing.T) {
	k, other := key(t), key(t)
	file := write(t, body, Options{Manifest: []byte(`{"abi":1}`), Key: k, Version: 7})
	s, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	// forge writes a seal as Write does, with a signature of one's own.
	forge := func(change func(*Seal), sign func(statement []byte) []byte) []byte {
		s := *s
		change(&s)
		statement, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return assemble(file[:s.Length], statement, sign(statement))
	}
	nothing := func(*Seal) {}
	by := func(k ed25519.PrivateKey, domain string) func([]byte) []byte {
		return func(statement []byte) []byte { return ed25519.Sign(k, append([]byte(domain), statement...)) }
	}
	if _, err := Read(forge(nothing, by(k, domain))); err != nil {
		t.Fatalf("the forger's tool does not work: %v", err)
	}
	old := file[len(file)-footerSize-ed25519.SignatureSize : len(file)-footerSize]
	for name, test := range map[string]struct {
		file []byte
		want string
	}{
		"signature of another key":     {forge(nothing, by(other, domain)), "not made by the key"},
		"signature of something else":  {forge(nothing, by(k, "")), "not made by the key"},
		"signature of another seal":    {forge(func(s *Seal) { s.Version = 8 }, func([]byte) []byte { return old }), "not made by the key"},
		"manifest swapped":             {forge(func(s *Seal) { s.Manifest = []byte(`{"abi":1,"capabilities":["all"]}`) }, func([]byte) []byte { return old }), "not made by the key"},
		"signature cut out":            {forge(nothing, func([]byte) []byte { return nil }), "signature is missing"},
		"key cut out":                  {forge(func(s *Seal) { s.Key = nil }, by(k, domain)), "names no key"},
		"key of no length":             {forge(func(s *Seal) { s.Key = []byte{1} }, by(k, domain)), "key has 1 bytes"},
		"signature of half the length": {forge(nothing, func([]byte) []byte { return old[:32] }), "signature of 32 bytes"},
	} {
		if s, err := Read(test.file); s != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want …%s…", name, err, test.want)
		}
	}
	// The module of one signed file under the seal of another.
	second := write(t, append(bytes.Clone(body), 0, 2, 1, 'x'), Options{Manifest: []byte(`{"abi":1}`), Key: k})
	if _, err := Read(append(bytes.Clone(second[:s.Length+4]), file[s.Length:]...)); !errors.Is(err, ErrDamaged) {
		t.Errorf("a seal moved to another module: %v", err)
	}
}

func TestKeysAsText(t *testing.T) {
	_, public, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	k, err := ParseKey(public + "\n")
	if err != nil || FormatKey(k) != public {
		t.Errorf("ParseKey(%q) = %v, %v", public, k, err)
	}
	// As `openssl pkey -pubout` writes one.
	pem := "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n"
	if k, err := ParseKey(pem); err != nil || FormatKey(k) != "ed25519:Gb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=" {
		t.Errorf("ParseKey of PEM = %v, %v", k, err)
	}
	for _, bad := range []string{"", "ed25519:", "ed25519:AAAA", public[8:], "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("ParseKey(%q) succeeded", bad)
		}
	}
}

func TestWholeReadsFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.wasm")
	file := write(t, body, Options{})
	damaged := bytes.Clone(file)
	damaged[30] ^= 1
	for name, test := range map[string]struct {
		content []byte
		want    bool
	}{"whole": {file, true}, "cut": {file[:len(file)-1], false}, "damaged": {damaged, false}, "unsealed": {body, false}, "empty": {nil, false}} {
		if err := os.WriteFile(path, test.content, 0o644); err != nil {
			t.Fatal(err)
		}
		if got := Whole(path, 1<<20); got != test.want {
			t.Errorf("%s: Whole = %v", name, got)
		}
		if Whole(path, 10) {
			t.Errorf("%s: Whole of a file above the limit", name)
		}
	}
	if Whole(path+"x", 1<<20) || Whole(filepath.Dir(path), 1<<20) {
		t.Error("Whole of what is no file")
	}
}

func FuzzRead(f *testing.F) {
	file, err := Write(body, Options{Manifest: []byte(`{"abi":1}`)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add(body)
	f.Add(assemble(file[:27], []byte(`{"length":-1}`), nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := Read(data); err == nil && s != nil && (s.Length < 8 || s.Length >= len(data)) {
			t.Errorf("Read = %+v", s)
		}
	})
}

func TestRandomBytesBehindAModuleAreNoSeal(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		end := make([]byte, random.IntN(200))
		for i := range end {
			end[i] = byte(random.Uint32())
		}
		file := append(append(bytes.Clone(body), end...), footerMagic...)
		if s, _ := Read(file); s != nil {
			t.Fatalf("Read(%x) = %+v", file, s)
		}
	}
}
