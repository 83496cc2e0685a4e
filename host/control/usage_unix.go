//go:build unix

package control

import (
	"encoding/json"
	"fmt"
	"syscall"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/pyfloat"
)

// rusage is the process's use of resources, as Python's resource module has it.
func rusage() json.RawMessage {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return json.RawMessage(`"N/A"`)
	}
	seconds := func(t syscall.Timeval) json.RawMessage {
		return pyfloat.AppendJSON(nil, float64(t.Sec)+float64(t.Usec)/1e6)
	}
	out := celery.Object{{Key: "utime", Value: seconds(u.Utime)}, {Key: "stime", Value: seconds(u.Stime)}}
	for _, v := range []struct {
		name  string
		value int64
	}{
		{"maxrss", int64(u.Maxrss)}, {"ixrss", int64(u.Ixrss)}, {"idrss", int64(u.Idrss)}, {"isrss", int64(u.Isrss)},
		{"minflt", int64(u.Minflt)}, {"majflt", int64(u.Majflt)}, {"nswap", int64(u.Nswap)}, {"inblock", int64(u.Inblock)},
		{"oublock", int64(u.Oublock)}, {"msgsnd", int64(u.Msgsnd)}, {"msgrcv", int64(u.Msgrcv)}, {"nsignals", int64(u.Nsignals)},
		{"nvcsw", int64(u.Nvcsw)}, {"nivcsw", int64(u.Nivcsw)},
	} {
		out = append(out, celery.Member{Key: v.name, Value: fmt.Appendf(nil, "%d", v.value)})
	}
	return out.Append(nil)
}
