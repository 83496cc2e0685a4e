package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what a worker takes: its resident memory in MB and the CPU seconds
// that it has spent.
type usage struct{ residentMB, cpu float64 }

// usage adds up the process and its pool. Processes that end while they are
// looked at count as nothing.
func (p *process) usage() usage {
	var total usage
	for _, pid := range p.family() {
		one := usageOf(pid)
		total.residentMB += one.residentMB
		total.cpu += one.cpu
	}
	return total
}

// family is the process and its children of the same program, which are a
// prefork pool; an engine is another program and does not count.
func (p *process) family() []string {
	parent := strconv.Itoa(p.Process.Pid)
	pids := []string{parent}
	program, err := os.Readlink("/proc/" + parent + "/exe")
	if err != nil {
		return pids
	}
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil { // the pattern is a good one
		panic(err)
	}
	for _, dir := range processes {
		pid := filepath.Base(dir)
		if exe, err := os.Readlink(dir + "/exe"); err == nil && exe == program && field(pid, "stat", 1) == parent {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ticks is how many of the kernel's clock ticks are a second: fixed for user space.
const ticks = 100

func usageOf(pid string) usage {
	return usage{
		residentMB: number(field(pid, "statm", 1)) * float64(os.Getpagesize()) / 1e6,
		cpu:        (number(field(pid, "stat", 11)) + number(field(pid, "stat", 12))) / ticks,
	}
}

// field is the n-th word of a file of /proc, after the program's name in stat.
func field(pid, file string, n int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%s/%s", pid, file))
	if err != nil {
		return ""
	}
	_, rest, named := strings.Cut(string(text), ") ")
	if !named {
		rest = string(text)
	}
	words := strings.Fields(rest)
	if n >= len(words) {
		return ""
	}
	return words[n]
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return n
}

// forgetPeak makes peakMB count from now on.
func (p *process) forgetPeak() {
	for _, pid := range p.family() {
		// Without the right to do so, peaks count from the start.
		_ = os.WriteFile("/proc/"+pid+"/clear_refs", []byte("5"), 0)
	}
}

// peakMB is the most memory that the process and its pool had in use, as if
// all had it at once.
func (p *process) peakMB() float64 {
	var peak float64
	for _, pid := range p.family() {
		text, err := os.ReadFile("/proc/" + pid + "/status")
		if err != nil {
			continue // it has ended
		}
		for line := range strings.Lines(string(text)) {
			if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
				peak += number(strings.Fields(value)[0]) * 1024 / 1e6
			}
		}
	}
	return peak
}
