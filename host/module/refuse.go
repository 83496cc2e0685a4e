package module

import (
	"errors"
	"fmt"
)

// A Kind says why a file was refused.
type Kind string

// The kinds of refusal.
const (
	// Unreadable: the file cannot be read, or is no regular file.
	Unreadable Kind = "Unreadable"
	// TooLarge: the file exceeds Config.MaxFileMiB.
	TooLarge Kind = "TooLarge"
	// NotWasm: the file is no WebAssembly module.
	NotWasm Kind = "NotWasm"
	// Truncated: the end of the file is missing.
	Truncated Kind = "Truncated"
	// Damaged: the file is not what its seal says.
	Damaged Kind = "Damaged"
	// Forged: the file's signature is not valid.
	Forged Kind = "Forged"
	// Unsigned: the file is not signed by a key that the host knows, and has to be.
	Unsigned Kind = "Unsigned"
	// NotAllowed: the module has a task, or asks for a capability, that its
	// signer's key is not good for.
	NotAllowed Kind = "NotAllowed"
	// Downgraded: a later version of the signed module was accepted before.
	Downgraded Kind = "Downgraded"
	// Trapped: the module trapped in its trial, or ran out of time there.
	Trapped Kind = "Trapped"
	// RolledBack: someone had an older version put in its place.
	RolledBack Kind = "RolledBack"
	// NativeOff: the file is a Go plugin, and Config.Native is nil, or the module is
	// to be isolated.
	NativeOff Kind = "NativeOff"
	// NativeMismatch: the Go plugin does not fit this host.
	NativeMismatch Kind = "NativeMismatch"
	// Invalid: the file does not compile.
	Invalid Kind = "Invalid"
	// OverLimit: the module has more of something than the host can bound, or
	// compile in good time.
	OverLimit Kind = "OverLimit"
	// CompileTimeout: compiling took longer than Config.CompileTimeout.
	CompileTimeout Kind = "CompileTimeout"
	// AbiTooNew: the module was built for a later version of the ABI.
	AbiTooNew Kind = "AbiTooNew"
	// ForbiddenImport: the module imports what this host does not have.
	ForbiddenImport Kind = "ForbiddenImport"
	// MissingExport: the module lacks a function or the memory that the ABI asks for.
	MissingExport Kind = "MissingExport"
	// DescribeFailed: the module cannot be instantiated, or does not describe itself.
	DescribeFailed Kind = "DescribeFailed"
	// BadManifest: what the module says of itself makes no sense.
	BadManifest Kind = "BadManifest"
	// TaskNameConflict: another module has a task of that name.
	TaskNameConflict Kind = "TaskNameConflict"
)

// lasting reports whether the same bytes would be refused again. The others
// depend on how busy the machine is, or on other files.
func (k Kind) lasting() bool {
	switch k {
	case Unreadable, CompileTimeout, DescribeFailed, TaskNameConflict:
		return false
	}
	return true
}

// A RefusedError says why a file cannot be served.
type RefusedError struct {
	// Path is the file's.
	Path string
	Kind Kind
	Err  error
}

// Error names the file and the reason.
func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap returns Err.
func (e *RefusedError) Unwrap() error { return e.Err }

// refusal makes a RefusedError whose path is filled in later, by load.
func refusal(kind Kind, format string, args ...any) error {
	return &RefusedError{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// refuse makes err a RefusedError for path, of a given kind unless it says itself.
func refuse(path string, kind Kind, err error) *RefusedError {
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return &RefusedError{Path: path, Kind: r.Kind, Err: r.Err}
	}
	return &RefusedError{Path: path, Kind: kind, Err: err}
}
