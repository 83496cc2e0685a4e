package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"

	"github.com/sparkstalk/sparkstalk/host"
)

func self() float64 {
	var r syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

func main() {
	remote, task := os.Args[1], os.Args[2]
	rows, _ := strconv.Atoi(os.Args[3])
	ctx := context.Background()
	os.Setenv("X", "")
	r, err := host.OpenRuntime(ctx, host.Config{Plugins: "/tmp/cols", Spark: remote, ResultLimit: 512 << 20, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	go r.Run(ctx)
	if _, err := r.Call(ctx, task, []json.RawMessage{json.RawMessage("1000")}, nil); err != nil {
		panic(err)
	}
	f, _ := os.Create("/tmp/prof")
	pprof.StartCPUProfile(f)
	for range 5 {
		c, t := self(), time.Now()
		out, err := r.Call(ctx, task, []json.RawMessage{json.RawMessage(os.Args[3])}, nil)
		if err != nil {
			panic(err)
		}
		fmt.Printf("%s %d: %.2fs cpu %.2f len %d\n", task, rows, time.Since(t).Seconds(), self()-c, len(out))
	}
	pprof.StopCPUProfile()
}
