// Command tasks is the module of the fault suite: its tasks leave a mark of each
// time that they run.
package main

import (
	"strconv"
	"time"

	"github.com/sparkstalk/sparkstalk/sdk"
)

type args struct {
	N  int     `arg:"n" doc:"number of the task"`
	MS float64 `arg:"ms,default=0" doc:"how long it takes, after its mark"`
}

func init() {
	sdk.Task("faults.mark", func(ctx *sdk.Context, a args) (int, error) {
		ctx.Log().Info("effect " + strconv.Itoa(a.N))
		for end := time.Now().Add(time.Duration(a.MS * float64(time.Millisecond))); time.Now().Before(end); {
		}
		return a.N, nil
	})
	// During which the host is killed.
	sdk.Task("faults.poison", func(ctx *sdk.Context, a args) (int, error) {
		ctx.Log().Info("poison " + strconv.Itoa(a.N))
		for end := time.Now().Add(time.Duration(a.MS * float64(time.Millisecond))); time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		return a.N, nil
	})
	// For messages of which nobody knows what they say.
	sdk.Task("faults.any", func(*sdk.Context, struct{}) (int, error) { return 0, nil })
}

func main() {}
