package module

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"github.com/sparkstalk/sparkstalk/abi"
)

// Functions is what a module has for Spark's expressions: what it says of them,
// and the WebAssembly that executors run, with the SHA-256 of both in hex. Without
// functions all is empty.
type Functions struct {
	Specs []abi.FunctionSpec
	File  []byte
	Hash  string
}

// functionsOf returns the functions of a module, whose manifest is given. The
// file is in a custom section if there is one, else it is the module itself; it has
// at most limit bytes.
func functionsOf(module []byte, manifest abi.Manifest, limit int64) (Functions, error) {
	if len(manifest.Functions) == 0 {
		return Functions{}, nil
	}
	file := module
	if section, ok := customSection(module, abi.FunctionsSection); ok {
		var err error
		if file, err = inflate(section, limit); err != nil {
			return Functions{}, refusal(Invalid, "section %s: %w", abi.FunctionsSection, err)
		}
		if err := structure(file); err != nil {
			return Functions{}, refusal(Invalid, "section %s: %w", abi.FunctionsSection, err)
		}
	}
	exports := exportedFunctions(file)
	for _, f := range manifest.Functions {
		for _, name := range calledBy(f) {
			if !exports[name] {
				return Functions{}, refusal(Invalid, "the manifest has a function %s, and the module does not export %s, by which executors call it", f.Name, name)
			}
		}
	}
	// A copy, for what it may be a part of need not be kept.
	file = bytes.Clone(file)
	h := sha256.New()
	_, _ = h.Write(file) // hashes take everything
	_ = json.NewEncoder(h).Encode(manifest.Functions)
	return Functions{Specs: manifest.Functions, File: file, Hash: hex.EncodeToString(h.Sum(nil))}, nil
}

// calledBy are the exports that executors call a function by.
func calledBy(f abi.FunctionSpec) []string {
	if f.Export != "" {
		return []string{f.Export}
	}
	return []string{abi.ExportFunction, abi.ExportFunctionBuffer}
}

// inflate returns what may be compressed by gzip, and has at most limit bytes.
func inflate(data []byte, limit int64) ([]byte, error) {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return data, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(z, limit+1))
	if err == nil && int64(len(out)) > limit {
		err = fmt.Errorf("it holds more than %d bytes", limit)
	}
	return out, err
}
