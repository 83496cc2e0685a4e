//go:build wasip1

// This guest has one task for each way in which a call can go.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

//go:wasmimport sparkstalk_v1 result_json
func resultJSON(value string) int64

//go:wasmimport sparkstalk_v1 result_error
func resultError(failure string) int64

//go:wasmimport sparkstalk_v1 action_count
func actionCount(frame uint32) int64

// version is set by the linker.
var version = "1"

var tasks = []struct {
	name string
	run  func() any
}{
	{"guest.version", func() any { return version }},
	{"guest.panic", func() any { return deeper(errors.New("a typed error")) }},
	{"guest.exit", func() any { fmt.Fprintln(os.Stderr, "on my way out"); os.Exit(7); return nil }},
	{"guest.exit0", func() any { os.Exit(0); return nil }},
	{"guest.loop", func() any {
		for i := 0; ; i++ {
			version = "spoilt"
		}
	}},
	{"guest.grow", func() any { // 1 MiB at a time, for ever
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := range b {
				b[i] = byte(i)
			}
			all = append(all, b)
			if len(all) == 1<<20 {
				return nil
			}
		}
	}},
	{"guest.big", func() any { // needs much and is done with it
		b := make([]byte, 80<<20)
		b[len(b)-1] = 1
		return len(b)
	}},
	{"guest.sleep", func() any { time.Sleep(time.Hour); return nil }},
	{"guest.nap", func() any {
		start := time.Now()
		time.Sleep(30 * time.Millisecond)
		return time.Since(start).Milliseconds()
	}},
	{"guest.host", func() any { return actionCount(1) }},
	{"guest.print", func() any {
		fmt.Println("to standard output")
		fmt.Fprint(os.Stderr, "to standard error, without an end")
		return nil
	}},
	{"guest.fail", func() any {
		resultError(`{"type":"ValueError","module":"builtins","args":["no"]}`)
		return errors.New("failed")
	}},
	{"guest.recurse", func() any { return recurse(1) }},
	{"guest.sandbox", func() any {
		_, file := os.ReadFile("/etc/hostname")
		_, dir := os.ReadDir("/")
		return map[string]any{
			"file": fmt.Sprint(file), "dir": fmt.Sprint(dir), "args": len(os.Args), "env": len(os.Environ()), "year": time.Now().Year(),
		}
	}},
}

//go:noinline
func deeper(err error) any { panic(err) }

//go:noinline
func recurse(n int) int { return recurse(n+1) + n }

//go:wasmexport sparkstalk_describe
func describe() int32 {
	type task struct {
		Name string `json:"name"`
	}
	m := struct {
		ABI   int    `json:"abi"`
		SDK   string `json:"sdk"`
		Tasks []task `json:"tasks"`
	}{ABI: 1, SDK: "test/" + version}
	for _, t := range tasks {
		m.Tasks = append(m.Tasks, task{t.name})
	}
	return give(m)
}

//go:wasmexport sparkstalk_run
func run(index int32) int32 {
	result := tasks[index].run()
	if _, ok := result.(error); ok {
		return 1
	}
	return give(result)
}

func give(value any) int32 {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	if resultJSON(string(data)) < 0 {
		return 2
	}
	return 0
}

func main() {}
