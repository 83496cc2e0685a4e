package module

import "github.com/sparkstalk/sparkstalk/abi"

// What a host and a module's process send each other on a [pipe.Wire], beside the
// messages of calls. One of them speaks at a time. What has an end begins with its
// number, 8 bytes; a pipe of its own takes the number of what is to end early.
const (
	msgSetup    = 'S' // to the process: what it is to be, JSON of a processSetup
	msgFile     = 'F' // the code to run
	msgDescribe = 'D' // describe yourself
	msgRun      = 'R' // run the task of an index, 4 bytes
	msgDrop     = 'G' // give up the instance; it has no answer
	msgRenew    = 'N' // make another instance

	msgReady  = 'K' // from the process: it is ready, or refuses; JSON of a processReady
	msgStdout = 'O' // what the guest prints
	msgStderr = 'P'
	msgEnd    = 'E' // the end of what was asked for, JSON of a processEnd
)

// A processSetup says what a module's process is to be.
type processSetup struct {
	Name     string     `json:"name"`
	Limits   abi.Limits `json:"limits"`
	CacheDir string     `json:"cache_dir"`
	CacheMiB int        `json:"cache_mib"`
	Workers  int        `json:"workers"`
}

// A processReady says that a module can run, or why it is refused.
type processReady struct {
	Kind   Kind   `json:"kind,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Start says that it could not be instantiated.
	Start bool `json:"start,omitempty"`
	Size  int64
	// Lacks are the walls that the system does not offer.
	Lacks []string `json:"lacks,omitempty"`
}

// A processEnd says how a call has ended.
type processEnd struct {
	Number uint64 `json:"number"`
	Status uint32 `json:"status"`
	// Error is a trap's text; Exited and ExitCode say that the guest exited.
	Error    string `json:"error,omitempty"`
	Exited   bool   `json:"exited,omitempty"`
	ExitCode uint32 `json:"exit_code,omitempty"`
	Stack    bool   `json:"stack,omitempty"` // ErrStack
	CPU      bool   `json:"cpu,omitempty"`   // ErrCPU
	// Manifest is what it says of itself.
	Manifest []byte `json:"manifest,omitempty"`
	Refused  Kind   `json:"refused,omitempty"`
	Size     int64  `json:"size"`
}
