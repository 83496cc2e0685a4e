package module

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// lines returns an output, what it logs, and a clock to move.
func lines(t *testing.T) (*output, *logged, *time.Time) {
	t.Helper()
	l := &logged{}
	now := time.Now()
	log := newLineLog(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	})))
	log.now = func() time.Time { return now }
	return newOutput(log), l, &now
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if n, err := io.WriteString(w, text); n != len(text) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
	}
}

func TestLinesAreLogged(t *testing.T) {
	o, log, _ := lines(t)
	o.begin("t.x")
	write(t, o.stdout(), "one\ntw")
	write(t, o.stderr(), "bad\n\n")
	write(t, o.stdout(), "o\n\x1b[31mred\xff\n")
	write(t, o.stdout(), "rest")
	o.end()
	o.begin("t.y")
	write(t, o.stdout(), strings.Repeat("x", 3000)+"\n")
	want := `level=DEBUG msg="printed by a module" text=one task=t.x
level=WARN msg="printed by a module" text=bad task=t.x
level=DEBUG msg="printed by a module" text=two task=t.x
level=DEBUG msg="printed by a module" text="\x1b[31mred�" task=t.x
level=DEBUG msg="printed by a module" text=rest task=t.x
level=DEBUG msg="printed by a module" text=` + strings.Repeat("x", lineLimit) + "… task=t.y\n"
	if got := log.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLinesAreRationed(t *testing.T) {
	o, log, now := lines(t)
	o.begin("t.x")
	for i := range 10 * lineBurst {
		write(t, o.stderr(), fmt.Sprintf("line %d\n", i))
	}
	if n := strings.Count(log.String(), "text="); n != lineBurst {
		t.Errorf("%d lines at once, want %d", n, lineBurst)
	}
	*now = now.Add(time.Second)
	for range 10 * lineBurst {
		write(t, o.stderr(), "more\n")
	}
	if n := strings.Count(log.String(), "text=more"); n != lineRate {
		t.Errorf("%d lines a second later, want %d", n, lineRate)
	}
	if !strings.Contains(log.String(), "900 lines were dropped") {
		t.Error("nothing is said of the lines that were dropped")
	}
	if !strings.HasSuffix(o.last(), "more\nmore\n") {
		t.Error("what is not logged must be kept all the same")
	}
}

func TestTheEndIsKept(t *testing.T) {
	o, _, _ := lines(t)
	o.begin("t.x")
	for i := range 5000 {
		write(t, o.stdout(), fmt.Sprintf("%d\n", i))
	}
	write(t, o.stdout(), strings.Repeat("y", 100_000)+"end")
	if got := o.last(); len(got) != tailLimit || !strings.HasSuffix(got, "yyend") {
		t.Errorf("%d bytes are kept", len(got))
	}
	if cap(o.tail) > 4*tailLimit {
		t.Errorf("%d bytes are held", cap(o.tail))
	}
	o.begin("t.y")
	if got := o.last(); got != "" {
		t.Errorf("the next call has %q", got)
	}
}

func TestPanicsOfLanguages(t *testing.T) {
	for _, test := range []struct{ name, text, message, trace string }{
		{"go", "note\npanic: boom\n\ngoroutine 1 [running]:\nmain.f()\n", "panic: boom", "panic: boom\n\ngoroutine 1 [running]:\nmain.f()\n"},
		{"go, the last one", "panic: recovered and printed\npanic: boom\ngoroutine", "panic: boom", "panic: boom\ngoroutine\n"},
		{"go runtime", "fatal error: all goroutines are asleep - deadlock!\n", "fatal error: all goroutines are asleep - deadlock!", "fatal error: all goroutines are asleep - deadlock!\n"},
		{"rust", "thread '<unnamed>' panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1`\n", "thread '<unnamed>' panicked at src/lib.rs:3:5: boom", "thread '<unnamed>' panicked at src/lib.rs:3:5:\nboom\nnote: run with `RUST_BACKTRACE=1`\n"},
		{"none", "no panic: at all\n", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			o, _, _ := lines(t)
			o.begin("t.x")
			write(t, o.stderr(), test.text)
			o.end()
			if message, trace := o.panicked(); message != test.message || trace != test.trace {
				t.Errorf("got %q, %q\nwant %q, %q", message, trace, test.message, test.trace)
			}
		})
	}
}

func TestALongPanicKeepsItsBeginning(t *testing.T) {
	o, _, _ := lines(t)
	o.begin("t.x")
	write(t, o.stderr(), "panic: boom\n")
	for range 10_000 {
		write(t, o.stderr(), "\tmore of the stack\n")
	}
	message, trace := o.panicked()
	if message != "panic: boom" || len(trace) > panicLimit || len(trace) < panicLimit/2 {
		t.Errorf("message %q, %d bytes of trace", message, len(trace))
	}
}

func TestGuestsPrintToTheLog(t *testing.T) {
	cfg := goConfig(t)
	var log logged
	cfg.Log = log.logger()
	r := open(t, cfg)
	result(t, r, "guest.print")
	for _, want := range []string{
		`level=DEBUG msg="printed by a module" module=guest text="to standard output" task=guest.print`,
		`level=WARN msg="printed by a module" module=guest text="to standard error, without an end" task=guest.print`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s:\n%s", want, log.String())
		}
	}
}
