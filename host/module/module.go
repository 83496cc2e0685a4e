// Package module looks after task modules: WASM files in a watched folder.
//
// A [Registry] compiles each file, asks it what it serves (sparkstalk_describe),
// checks it, and swaps it in atomically. Calls that run finish on the version
// they began with, which is closed when the last of them has ended. A file that
// cannot be served is refused with a reason and changes nothing: the last good
// version of it keeps serving.
//
// Each version has a pool of instances. An instance runs one call at a time and
// many one after the other; it is thrown away after a trap, an exit or an
// interruption, and now and then to give its memory back.
//
// # What the sandbox holds, and what it does not
//
// A module can call the host functions of its import module and WASI preview 1,
// of which it gets a clock in milliseconds, random numbers and its standard
// output, which goes to the log. There are no files, environment, arguments or
// sockets.
//
// wazero interrupts code where it loops, and no other: a tree of calls or one
// memory.fill could keep the whole process from collecting garbage, and so from
// all else. So what is compiled of a file is not the file but what
// [github.com/sparkstalk/sparkstalk/host/module/rewrite] makes of it: code that
// looks every few hundred microseconds whether its call is to go on, whatever its
// shape, counts its stack, and has a maximum for its memory and each table. The
// bytes that were hashed and checked are those that are rewritten, in memory, and
// the compilation cache is keyed by the outcome. Config.Trusted names modules that
// run as they are.
//
// A module for which Config.Isolated says so runs in processes of its own, one for
// each call at a time: the same file, checks and host functions, which come over a
// socket (abi/pipe). Such a process has no environment, no network, no files but
// its compiled code (Landlock, where the kernel has it), few descriptors and
// bounded memory; it compiles the module itself, and is killed if that takes too
// long. An instance that is not to run again is given up there as in the host, and
// the next call has a new one in the same process. The process is killed if it has
// not ended its call a tenth of a second after the call's time is over, if it says
// what nobody asked for, or if it has grown. It needs Linux.
//
// What is not held in the host:
//
//   - Compiling in this process cannot be interrupted, nor is its memory limited:
//     a file that takes longer than [Config.CompileTimeout] is refused, but its
//     compilation goes on using a CPU until it is done. With [Config.Compiler] it
//     is done by another process, which is ended. Functions, blocks and branches
//     of sizes that no compiler makes are refused before.
//   - A file that was cut short is refused if it was sealed (package seal), and
//     otherwise where its structure tells: at a section that is not whole, or
//     missing though another one counts on it. An unsealed file cut between two
//     sections may be a whole module in its own right.
package module

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// A State says what has become of a version of a module.
type State string

// The states.
const (
	// Serving versions get the calls of their tasks.
	Serving State = "serving"
	// Refused files do not serve; Info.Reason says why.
	Refused State = "refused"
	// Standby versions serve again should the new one trap in its trial.
	Standby State = "standby"
	// Retired versions were replaced or removed and finish their last calls.
	Retired State = "retired"
	// Resident versions of Go plugins have ended their last calls, and stay in
	// memory all the same: Go unloads nothing.
	Resident State = "resident"
)

// Info describes one version of a module, or a file that was refused.
type Info struct {
	// Path is the file's; Name is its base name without ".wasm" or ".so".
	Path string `json:"path"`
	Name string `json:"name"`
	// Hash is the SHA-256 of the file, in hex. Size is its length in bytes.
	Hash string `json:"hash"`
	Size int64  `json:"size"`
	// Native says that it is a Go plugin. Traps, Instances and MemoryBytes are of
	// WASM: a plugin's memory is the host's.
	Native bool `json:"native,omitempty"`
	// LoadedAt is when the version began to serve, or the file was refused.
	LoadedAt time.Time `json:"loaded_at"`
	// CompileTime is how long compiling took, which the compilation cache shortens.
	CompileTime time.Duration `json:"compile_time"`
	// SignedBy names the key of Config.Keys that signed the file.
	SignedBy string `json:"signed_by,omitempty"`
	// Sealed says that the file has a seal, which was verified. SignedKey is the
	// public key of its signer, if it is signed, SignedVersion and SignedAt what
	// the signer put on it.
	Sealed        bool       `json:"sealed"`
	SignedKey     string     `json:"signed_key,omitempty"`
	SignedVersion uint64     `json:"signed_version,omitempty"`
	SignedAt      *time.Time `json:"signed_at,omitempty"`
	// NoTrial says that the signer wants no trial, so that nothing a client does
	// has the version before serve again.
	NoTrial bool `json:"no_trial,omitempty"`
	// Manifest is what the module says of itself.
	Manifest json.RawMessage `json:"-"`
	// SDK and Tasks are from the module's manifest.
	SDK   string         `json:"sdk,omitempty"`
	Tasks []abi.TaskSpec `json:"tasks,omitempty"`
	// Caches and Warm are the manifest's: what it caches, and what of it is to
	// be built ahead of the tasks.
	Caches []string       `json:"caches,omitempty"`
	Warm   []abi.WarmSpec `json:"warm,omitempty"`
	// Capabilities are what the module asks for beyond what every one may do.
	Capabilities []string `json:"capabilities,omitempty"`
	// Limits are what the module has: the smallest of what the host grants, its
	// manifest asks for and its key may be granted.
	Limits abi.Limits `json:"limits"`
	// Functions are the manifest's, for Spark's expressions.
	Functions []abi.FunctionSpec `json:"functions,omitempty"`
	// State says what has become of it.
	State State `json:"state"`
	// Reason is why a file was refused. Kind is the same for programs.
	Reason string `json:"reason,omitempty"`
	Kind   Kind   `json:"kind,omitempty"`
	// Instead is the Hash of the version that serves although its file was
	// replaced by this refused one.
	Instead string `json:"instead,omitempty"`
	// RolledBack says that an older version serves than that of the file, which
	// is listed as refused. It stays until the file changes.
	RolledBack bool `json:"rolled_back,omitempty"`
	// Trial is how many more calls a new version must end without a trap, while
	// there is another that would serve in its place.
	Trial int64 `json:"trial,omitempty"`
	// Calls counts the calls that have ended, Errors those of them that gave an
	// error, Traps those that ended their instance: traps, exits and
	// interruptions. Instances is how many there are now, MemoryBytes the linear
	// memory that they had when their last calls ended.
	Calls       uint64 `json:"calls"`
	Errors      uint64 `json:"errors"`
	Traps       uint64 `json:"traps"`
	Instances   int    `json:"instances"`
	MemoryBytes int64  `json:"memory_bytes"`
}

// seal notes what the file's seal says.
func (i *Info) seal(s *seal.Seal) {
	if i.Sealed = s != nil; s.Signed() {
		i.SignedKey, i.SignedVersion, i.SignedAt = seal.FormatKey(s.Key), s.Version, &s.SignedAt
	}
}

// clone keeps a caller from changing what the registry holds.
func (i Info) clone() Info {
	i.Tasks, i.Caches, i.Warm = slices.Clone(i.Tasks), slices.Clone(i.Caches), slices.Clone(i.Warm)
	i.Capabilities, i.Functions = slices.Clone(i.Capabilities), slices.Clone(i.Functions)
	return i
}
