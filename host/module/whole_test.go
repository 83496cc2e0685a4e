package module

import (
	"bytes"
	"crypto/ed25519"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// sealed seals a module with its manifest.
func sealed(t testing.TB, file []byte, manifest string) []byte {
	t.Helper()
	out, err := seal.Write(file, seal.Options{Manifest: []byte(manifest)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// smallSealed is small, sealed.
func smallSealed(t testing.TB, task string, result int) []byte {
	return sealed(t, small(task, result), manifest(task))
}

// accepts is what is done with a file's bytes before they are compiled.
func accepts(file []byte) error {
	_, binary, err := unseal(file)
	if err == nil {
		err = structure(binary)
	}
	return err
}

// sectionEnds are the places in a module behind its header and its sections.
func sectionEnds(file []byte) []int {
	ends := []int{8}
	for at := 8; at < len(file); ends = append(ends, at) {
		size, n := uvarint(file[at+1:])
		at += 1 + n + int(size)
	}
	return ends
}

func TestTenThousandCutsOfARealModule(t *testing.T) {
	// Two builds of one module, of different lengths.
	older := sealed(t, append(slices.Clone(goGuest(t)), section(0, append(str("more"), make([]byte, 100_000)...))...), `{"abi":1}`)
	file := sealed(t, goGuest(t), `{"abi":1,"tasks":[{"name":"guest.version"}]}`)
	for _, whole := range [][]byte{file, older} {
		if err := accepts(whole); err != nil {
			t.Fatal(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	ends := sectionEnds(file)
	cuts := slices.Clone(ends)
	for _, at := range ends { // around each section's beginning and end
		for near := -3; near <= 3; near++ {
			cuts = append(cuts, at+near)
		}
	}
	for at := range 300 { // the header, the marker and what follows
		cuts = append(cuts, at)
	}
	for at := len(file) - 1; at >= ends[len(ends)-2]; at-- { // within the seal
		cuts = append(cuts, at)
	}
	for page := 4096; page < len(file); page += 4096 { // as file systems cut
		cuts = append(cuts, page)
	}
	for len(cuts) < 10_000 {
		cuts = append(cuts, random.IntN(len(file)))
	}
	// Below that a file is not even a module that declares functions: it is
	// refused once it is compiled, for what it does not export.
	const marker = 28
	cfg := config(t)
	r := open(t, cfg)
	tried := 0
	for _, n := range cuts {
		if n < 0 || n >= len(file) {
			continue
		}
		tried++
		if err := accepts(file[:n]); err != nil {
			continue
		}
		r.take(r.attempt(t.Context(), put(t, cfg, "m.wasm", file[:n])))
		if info := r.Modules(); n > marker || len(info) != 1 || info[0].State != Refused {
			t.Fatalf("cut to %d of %d bytes it is taken: %+v", n, len(file), info)
		}
	}
	if tried < 9_000 {
		t.Errorf("only %d cuts were tried", tried)
	}
	// Written over another file, or into one whose space was reserved. Each is
	// hashed as a whole, so there are fewer.
	for range 60 {
		n := marker + random.IntN(len(file)-marker)
		for name, mixed := range map[string][]byte{
			"over an older, longer file":         append(slices.Clone(file[:n]), older[n:]...),
			"over a shorter file":                append(slices.Clone(older[:n]), file[min(n, len(file)):]...),
			"into reserved space":                append(slices.Clone(file[:n]), make([]byte, len(file)-n)...),
			"with a hole":                        append(append(slices.Clone(file[:n/2]), make([]byte, n-n/2)...), file[n:]...),
			"with what the older one ended with": append(slices.Clone(file), older[len(file):]...),
		} {
			if bytes.Equal(mixed, file) || bytes.Equal(mixed, older) {
				continue
			}
			if err := accepts(mixed); err == nil {
				t.Fatalf("%d of %d bytes %s are taken", n, len(file), name)
			}
		}
	}
}

func TestASealedFileIsServedWhenItIsWholeAndNotBefore(t *testing.T) {
	cfg := config(t)
	cfg.Settle, cfg.Relist = time.Hour, time.Hour // which nothing waits for
	r := start(t, cfg)
	put(t, cfg, "m.wasm", smallSealed(t, "t.x", 1))
	eventually(t, answers(r, "t.x", "1"))
	next := sealed(t, asm{manifest: manifest("t.x"), result: "2", custom: string(make([]byte, 10_000))}.bytes(), manifest("t.x"))

	// In place, by a writer that stops after each piece.
	f, err := os.OpenFile(filepath.Join(cfg.Dir, "m.wasm"), os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	for piece := range slices.Chunk(next[:len(next)-1], 500) {
		if _, err := f.Write(piece); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
		if err := answers(r, "t.x", "1")(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := f.Write(next[len(next)-1:]); err != nil {
		t.Fatal(err)
	}
	eventually(t, answers(r, "t.x", "2"))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, info := range r.Modules() {
		if info.State == Refused {
			t.Errorf("a file that was being written was refused: %s", info.Reason)
		}
	}
}

func TestCutsThroughTheWatchAreRefused(t *testing.T) {
	cfg := config(t)
	var refused []Kind // OnChange is called one at a time, and read at rest
	seen := make(chan Info, 100)
	cfg.OnChange = func(i Info) { seen <- i }
	r := start(t, cfg)
	file := sealed(t, asm{manifest: manifest("t.x"), result: "1", custom: string(make([]byte, 50_000))}.bytes(), manifest("t.x"))
	path := put(t, cfg, "m.wasm", file)
	eventually(t, answers(r, "t.x", "1"))
	<-seen
	other := sealed(t, asm{manifest: manifest("t.x"), result: "2", custom: strings.Repeat("b", 40_000)}.bytes(), manifest("t.x"))
	random := rand.New(rand.NewPCG(3, 4))
	ends := sectionEnds(other)
	tried := map[string]bool{string(file): true} // no change is reported twice
	for len(tried) < 25 {
		n := 28 + random.IntN(len(other)-28)
		if random.IntN(2) == 0 {
			n = ends[1+random.IntN(len(ends)-2)]
		}
		content := other[:n]
		if random.IntN(2) == 0 { // over the older, longer file, without truncating it
			content = append(slices.Clone(content), file[n:]...)
		}
		if tried[string(content)] {
			continue
		}
		tried[string(content)] = true
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		for info := (Info{}); info.Size != int64(len(content)); { // on a busy machine a file settles half written, too
			select {
			case info = <-seen:
				refused = append(refused, info.Kind)
				if info.State != Refused || info.Instead == "" {
					t.Fatalf("%d of %d bytes: %+v", n, len(other), info)
				}
			case <-time.After(patience):
				t.Fatalf("%d of %d bytes: nothing happened", n, len(other))
			}
		}
		if err := answers(r, "t.x", "1")(); err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range refused {
		if kind != Truncated && kind != Damaged && kind != NotWasm {
			t.Errorf("refused as %s", kind)
		}
	}
	if err := os.WriteFile(path, other, 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, answers(r, "t.x", "2"))
}

func TestWhatASealCanBeRefusedFor(t *testing.T) {
	private, _, err := seal.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	keyFile := filepath.Join(t.TempDir(), "k.key")
	if err := os.WriteFile(keyFile, private, 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := seal.ReadPrivateKey(keyFile)
	if err != nil {
		t.Fatal(err)
	}
	good := smallSealed(t, "t.x", 1)
	damaged := slices.Clone(good)
	damaged[len(damaged)/2] ^= 1
	for name, test := range map[string]struct {
		file []byte
		kind Kind
		want string
	}{
		"damaged":          {damaged, Damaged, "was sealed"},
		"cut":              {good[:len(good)-4], Truncated, "the seal at its end is missing"},
		"another manifest": {sealed(t, small("t.x", 1), manifest("t.y")), Damaged, "describes itself otherwise"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			put(t, cfg, "m.wasm", test.file)
			info := only(t, open(t, cfg), "m.wasm", Refused)
			if info.Kind != test.kind || !bytes.Contains([]byte(info.Reason), []byte(test.want)) {
				t.Errorf("refused as %s: %s", info.Kind, info.Reason)
			}
		})
	}
	signed, err := seal.Write(small("t.x", 1), seal.Options{Manifest: []byte(" " + manifest("t.x")), Key: key, Version: 3})
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(t)
	put(t, cfg, "m.wasm", signed)
	info := only(t, open(t, cfg), "m.wasm", Serving)
	if !info.Sealed || info.SignedVersion != 3 || info.SignedKey != seal.FormatKey(key.Public().(ed25519.PublicKey)) {
		t.Errorf("Info = %+v", info)
	}
}
