package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// devSources are the sources of new modules by their languages.
var devSources = []struct{ lang, name, source string }{
	{"go", "Go", "main.go"}, {"rust", "Rust", "src/lib.rs"}, {"as", "AssemblyScript", "assembly/index.ts"}, {"c", "C", "main.c"},
}

// dev measures `sparkstalk dev`: from the save of a new module's source to the
// answer of what was saved. Every save has code that was never compiled before.
func (o options) dev(ctx context.Context, remote string) error {
	fmt.Printf("| `sparkstalk dev`: a save of %d | to the answer, s | at most | of which building | loading | the task |\n| --- | ---: | ---: | ---: | ---: | ---: |\n", o.saves)
	for _, l := range devSources {
		saves, err := o.devLoop(ctx, remote, l.lang, l.source)
		if err != nil {
			return fmt.Errorf("%s: %w", l.lang, err)
		}
		of := func(part func(save) float64) []float64 {
			var list []float64
			for _, s := range saves {
				list = append(list, part(s))
			}
			return list
		}
		total := of(func(s save) float64 { return s.answer })
		fmt.Printf("| %s | %.2f | %.2f | %.2f | %.2f | %.2f |\n", l.name, median(slices.Clone(total)), slices.Max(total),
			median(of(func(s save) float64 { return s.built })), median(of(func(s save) float64 { return s.loaded })), median(of(func(s save) float64 { return s.ran })))
	}
	fmt.Println()
	return nil
}

// A save is what came of one, in seconds.
type save struct{ built, loaded, ran, answer float64 }

func (o options) devLoop(ctx context.Context, remote, lang, source string) (_ []save, err error) {
	parent, err := os.MkdirTemp(o.dir, "dev-"+lang)
	if err != nil {
		return nil, err
	}
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return nil, err
	}
	makeIt := exec.CommandContext(ctx, binary, "new", "words", "--lang", lang)
	makeIt.Dir = parent
	if out, err := makeIt.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	dir := filepath.Join(parent, "words")
	cmd := exec.CommandContext(ctx, binary, "dev", "--json", "--no-broker", "--spark", remote, "--task", "words.top", "to be or not to be")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait())
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	if _, err := nextAnswer(lines); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, source)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	const doc = "the most common words of a text"
	var saves []save
	for n := range o.saves {
		next := bytes.Replace(text, []byte(doc), fmt.Appendf(nil, "%s, %s.%d", doc, o.next, n), 1)
		if bytes.Equal(next, text) {
			return nil, fmt.Errorf("%s has no %q", path, doc)
		}
		if err := os.WriteFile(path, next, 0o644); err != nil {
			return nil, err
		}
		s, err := nextAnswer(lines)
		if err != nil {
			return nil, err
		}
		saves = append(saves, s)
		time.Sleep(200 * time.Millisecond) // as somebody who looks at it
	}
	return saves, nil
}

// nextAnswer reads what dev says up to its next answer.
func nextAnswer(lines *bufio.Scanner) (save, error) {
	var s save
	var said []string
	for lines.Scan() {
		var e struct {
			Event   string          `json:"event"`
			Seconds float64         `json:"seconds"`
			Since   float64         `json:"seconds_since_save"`
			Result  json.RawMessage `json:"result"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return s, fmt.Errorf("dev says %q: %w", lines.Text(), err)
		}
		said = append(said, lines.Text())
		switch e.Event {
		case "built":
			s.built = e.Seconds
		case "loaded":
			s.loaded = e.Seconds
		case "result":
			if string(e.Result) != `[["be",2],["to",2],["not",1]]` {
				return s, fmt.Errorf("dev answers %s", e.Result)
			}
			s.ran, s.answer = e.Seconds, e.Since
			return s, nil
		case "build failed", "refused", "failure", "error":
			return s, fmt.Errorf("dev says %s", lines.Text())
		}
	}
	return s, fmt.Errorf("dev ended (%v) after\n%s", lines.Err(), strings.Join(said, "\n"))
}
