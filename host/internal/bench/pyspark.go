package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// pySpark is a script of testdata that answers one line with another.
type pySpark struct {
	script string
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

func startPySpark(ctx context.Context, interpreter, script string, args ...string) (*pySpark, error) {
	p := &pySpark{script: script, cmd: exec.CommandContext(ctx, interpreter, append([]string{"host/internal/bench/testdata/" + script}, args...)...)}
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewReaderSize(out, 1<<20)
	return p, p.cmd.Start()
}

// ask sends a number and decodes the JSON that comes back.
func (p *pySpark) ask(n int, into any) error {
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		return err
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", p.script, err, p.stderr.String())
	}
	return json.Unmarshal(line, into)
}

func (p *pySpark) close() error { return errors.Join(p.in.Close(), p.cmd.Wait()) }
