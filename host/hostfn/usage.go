package hostfn

import (
	"github.com/sparkstalk/sparkstalk/abi"
)

// A usage is what one call has used so far of what is limited.
type usage struct {
	calls       int
	rows, bytes int64
}

// HostCall counts a call of a host function. Its error ends the guest's call.
func (i *Invocation) HostCall() error {
	if i.used.calls++; i.used.calls > i.most.HostCalls {
		return abi.Errorf(typeLimit, "the task has called the host more than %d times (setting modules, host_calls)", i.most.HostCalls)
	}
	return nil
}

// takeIn counts rows that the guest gets, and their bytes.
func (i *Invocation) takeIn(rows, bytes int64) error {
	i.used.rows += rows
	i.used.bytes += bytes
	if most := i.most.Rows; most > 0 && i.used.rows > most {
		return abi.Errorf(typeLimit, "the task has collected more than %d rows (setting modules, rows); let Spark aggregate them", most)
	}
	if most := i.most.CollectedBytes; most > 0 && i.used.bytes > most {
		return abi.Errorf(typeLimit, "the task has collected more than %s of rows (setting modules, collected_bytes); let Spark aggregate them", size(most))
	}
	return nil
}
