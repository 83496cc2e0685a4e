// Package seal makes a module's file tell by itself that it is whole, and who
// signed it.
//
// A sealed file begins with a marker, an empty custom section named
// sparkstalk.sealed right behind the header, and ends with its seal, a custom
// section named sparkstalk.seal. Other WebAssembly tools skip both. The seal
// holds a statement (JSON: the length and SHA-256 of all that comes before, the
// module's manifest, the signer's key), the signature if there is one, and a
// footer by which it is found from the file's end. abi/README.md has the layout
// for tools in other languages.
//
// Whatever is missing, added or changed shows: a file that was cut has the
// marker and no footer; one that was overwritten in part has another hash.
package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

const (
	header      = "\x00asm\x01\x00\x00\x00"
	sealName    = "sparkstalk.seal"
	markerName  = "sparkstalk.sealed"
	footerMagic = "sealed/1"
	footerSize  = sha256.Size + 4 + 4 + len(footerMagic)
	// domain comes before the statement in what is signed, so that a signature
	// of anything else is none of a module.
	domain = "sparkstalk seal 1\n"
	// maxSeal bounds a seal's statement: a manifest is small.
	maxSeal = 4 << 20
)

// marker is the section behind the header of a sealed file.
var marker = Section(markerName, nil)

// Errors that those of [Read] wrap.
var (
	// ErrCut says that the file's end is missing.
	ErrCut = errors.New("the file was cut")
	// ErrDamaged says that the file is not what was sealed.
	ErrDamaged = errors.New("the file is not what was sealed")
	// ErrForged says that the signature is not the one of the key that the seal
	// names, over this seal.
	ErrForged = errors.New("the signature is not valid")
)

// A Seal is what a file says of itself. What [Read] returns is verified, but
// for who owns the Key.
type Seal struct {
	// Length is how many bytes come before the seal; SHA256 is theirs, in hex.
	Length int    `json:"length"`
	SHA256 string `json:"sha256"`
	// Manifest is what the module's sparkstalk_describe gives. It may be absent.
	Manifest json.RawMessage `json:"manifest,omitempty"`
	// Key is the signer's public key; empty means that nobody signed.
	Key ed25519.PublicKey `json:"key,omitempty"`
	// Version orders what one signer signed: a higher one is newer.
	Version uint64 `json:"version,omitempty"`
	// NoTrial says that the version before is not to serve again by itself.
	NoTrial bool `json:"no_trial,omitempty"`
	// SignedAt is the signer's clock, for people.
	SignedAt time.Time `json:"signed_at,omitzero"`
}

// Signed reports whether the seal has a signature.
func (s *Seal) Signed() bool { return s != nil && len(s.Key) > 0 }

// Options say what is to be written into a seal. The zero value is a seal of
// length and hash alone.
type Options struct {
	// Manifest is the module's, as JSON.
	Manifest json.RawMessage
	// Key signs the seal. Nil does not.
	Key ed25519.PrivateKey
	// Version and SignedAt go into a signed seal. Zero means now, and its Unix
	// time in seconds.
	Version  uint64
	SignedAt time.Time
	// NoTrial goes into a signed seal.
	NoTrial bool
}

// Write returns a module with a seal. A seal that it has already is replaced.
func Write(module []byte, o Options) ([]byte, error) {
	module, err := Strip(module)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(module)+len(marker)+len(o.Manifest)+1024)
	out = append(out, header...)
	out = append(append(out, marker...), module[len(header):]...)
	sum := sha256.Sum256(out)
	s := Seal{Length: len(out), SHA256: hex.EncodeToString(sum[:]), Manifest: o.Manifest}
	if o.Key != nil {
		s.Key, s.NoTrial = o.Key.Public().(ed25519.PublicKey), o.NoTrial
		if s.SignedAt = o.SignedAt.UTC().Truncate(time.Second); o.SignedAt.IsZero() {
			s.SignedAt = time.Now().UTC().Truncate(time.Second)
		}
		if s.Version = o.Version; s.Version == 0 {
			s.Version = uint64(s.SignedAt.Unix())
		}
	}
	content, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("seal a module: %w", err)
	}
	if len(content) > maxSeal {
		return nil, fmt.Errorf("seal a module: a seal of %d bytes, at most %d are possible: its manifest is too large", len(content), maxSeal)
	}
	var signature []byte
	if o.Key != nil {
		signature = ed25519.Sign(o.Key, append([]byte(domain), content...))
	}
	return assemble(out, content, signature), nil
}

// assemble adds the seal's section to a module.
func assemble(module, statement, signature []byte) []byte {
	content := slices.Concat(statement, signature, make([]byte, footerSize))
	end := content[len(content)-footerSize:]
	sum := sha256.Sum256(content[:len(content)-footerSize])
	copy(end, sum[:])
	binary.LittleEndian.PutUint32(end[sha256.Size:], uint32(len(statement)))
	binary.LittleEndian.PutUint32(end[sha256.Size+4:], uint32(len(Section(sealName, content))))
	copy(end[sha256.Size+8:], footerMagic)
	return append(slices.Clip(module), Section(sealName, content)...)
}

// Strip returns a module without its seal and marker. It fails if that is no
// module, or one whose seal is missing or broken.
func Strip(file []byte) ([]byte, error) {
	s, err := Read(file)
	if err != nil {
		return nil, fmt.Errorf("seal a module: %w", err)
	}
	if s != nil {
		file = file[:s.Length]
	}
	if !bytes.HasPrefix(file, []byte(header)) {
		return nil, errors.New("seal a module: this is no WebAssembly module")
	}
	return slices.Concat([]byte(header), bytes.TrimPrefix(file[len(header):], marker)), nil
}

// Read returns the seal of a file, or nil if it has none and needs none. Its
// errors wrap [ErrCut], [ErrDamaged] or [ErrForged], and say what is wrong.
func Read(file []byte) (*Seal, error) {
	total, ok := footer(file)
	if !ok {
		if bytes.HasPrefix(file, append([]byte(header), marker...)) {
			return nil, fmt.Errorf("%w: its beginning says that it is sealed, and the seal at its end is missing", ErrCut)
		}
		return nil, nil
	}
	damaged := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
	}
	if total > len(file) {
		return nil, damaged("its seal says that it has %d bytes, all of the file has %d", total, len(file))
	}
	start := len(file) - total
	content, ok := sectionContent(file[start:], sealName)
	if !ok || len(content) < footerSize {
		return nil, damaged("its end is that of a seal, and no seal is there")
	}
	end := content[len(content)-footerSize:]
	content = content[:len(content)-footerSize]
	if sum := sha256.Sum256(content); !bytes.HasPrefix(end, sum[:]) {
		return nil, damaged("the seal itself was changed")
	}
	length := int64(binary.LittleEndian.Uint32(end[sha256.Size:]))
	signature := int64(len(content)) - length
	if signature != 0 && signature != ed25519.SignatureSize {
		return nil, damaged("the seal has room for a signature of %d bytes", signature)
	}
	statement := content[:length]
	var s Seal
	if err := json.Unmarshal(statement, &s); err != nil {
		return nil, damaged("the seal cannot be read: %v", err)
	}
	if s.Length != start {
		return nil, damaged("it has %d bytes before its seal, %d were sealed", start, s.Length)
	}
	if sum := sha256.Sum256(file[:start]); hex.EncodeToString(sum[:]) != s.SHA256 {
		return nil, damaged("its SHA-256 is %x, %s was sealed", sum, s.SHA256)
	}
	switch {
	case len(s.Key) == 0 && signature == 0:
		return &s, nil
	case len(s.Key) == 0:
		return nil, fmt.Errorf("%w: the seal names no key for it", ErrForged)
	case signature == 0:
		return nil, fmt.Errorf("%w: the seal names a key, and the signature is missing", ErrForged)
	case len(s.Key) != ed25519.PublicKeySize:
		return nil, fmt.Errorf("%w: the seal's key has %d bytes", ErrForged, len(s.Key))
	}
	if !ed25519.Verify(s.Key, append([]byte(domain), statement...), content[length:]) {
		return nil, fmt.Errorf("%w: it was not made by the key %s over this seal", ErrForged, FormatKey(s.Key))
	}
	return &s, nil
}

// Open opens a module's file to read it. It does not wait, also if the file is a
// named pipe without a writer: what kind of file it is the caller asks of what is open.
func Open(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDONLY|openFlags, 0) }

// Whole reports whether the file at a path is sealed and whole, and has at most
// limit bytes. It reads little of a file that has no seal at its end.
func Whole(path string, limit int64) bool {
	f, err := Open(path)
	if err != nil {
		return false
	}
	defer f.Close() // read only: nothing is lost
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < int64(footerSize) || info.Size() > limit {
		return false
	}
	end := make([]byte, footerSize)
	if _, err := f.ReadAt(end, info.Size()-int64(footerSize)); err != nil {
		return false
	}
	if _, ok := footer(end); !ok {
		return false
	}
	file := make([]byte, info.Size())
	if _, err := io.ReadFull(f, file); err != nil {
		return false
	}
	s, err := Read(file)
	return s != nil && err == nil
}

// footer returns how long the seal says that it is; false without a seal.
func footer(file []byte) (total int, ok bool) {
	if !bytes.HasSuffix(file, []byte(footerMagic)) || len(file) < footerSize {
		return 0, false
	}
	n := binary.LittleEndian.Uint32(file[len(file)-len(footerMagic)-4:])
	return int(min(n, 1<<31-1)), true
}

// Section returns a custom section of a WebAssembly file (core specification, section 5.5.3).
func Section(name string, content []byte) []byte {
	body := binary.AppendUvarint(nil, uint64(len(name)))
	body = append(append(body, name...), content...)
	return append(binary.AppendUvarint([]byte{0}, uint64(len(body))), body...)
}

// sectionContent returns the content of a custom section of that name that is
// all of data.
func sectionContent(data []byte, name string) ([]byte, bool) {
	if len(data) == 0 || data[0] != 0 {
		return nil, false
	}
	size, n := binary.Uvarint(data[1:])
	if n <= 0 || size != uint64(len(data)-1-n) {
		return nil, false
	}
	body := data[1+n:]
	size, n = binary.Uvarint(body)
	if n <= 0 || size != uint64(len(name)) || !bytes.HasPrefix(body[n:], []byte(name)) {
		return nil, false
	}
	return body[n+len(name):], true
}
