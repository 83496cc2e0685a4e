package rabbitmq

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Wire pieces.
func short(s string) string { return string(rune(len(s))) + s }

func long(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }

func int64Field(kind byte, n int64) string {
	return string(binary.BigEndian.AppendUint64([]byte{kind}, uint64(n)))
}

func header(flags uint16, properties string) string {
	p := binary.BigEndian.AppendUint16([]byte{0, 60, 0, 0}, 0)[:4]
	p = binary.BigEndian.AppendUint64(p, 5) // body size
	p = binary.BigEndian.AppendUint16(p, flags)
	return string(p) + properties
}

func frame(kind byte, payload string) string {
	return string([]byte{kind, 0, 1}) + long(payload) + "\xce"
}

// celeryHeader has every property that a task message has, large integers in
// the given type, and a priority.
func celeryHeader(kind byte, priority byte) string {
	list := int64Field(kind, -1<<40) + "V" + "F" + long(short("n")+int64Field(kind, 1<<31))
	table := short("lang") + "S" + long("py") + short("ts") + int64Field(kind, 1795443357000) +
		short("list") + "A" + long(list) + short("L") + "S" + long("L is not a type here: L") +
		short("ok") + "t\x01" + short("retries") + "I\x00\x00\x00\x00" + short("pi") + "d12345678"
	return header(flagContentType|flagContentEncoding|flagHeaders|flagDeliveryMode|flagPriority|0x0400,
		short("application/json")+short("utf-8")+long(table)+"\x02"+string([]byte{priority})+short("LLL"))
}

func TestInboundMendsHeaderFramesOnly(t *testing.T) {
	other := frame(frameMethod, "L method L") + frame(frameBeat, "")
	body := frame(frameBody, strings.Repeat("L body \x02", 100_000))
	in := other + frame(frameHeader, celeryHeader('L', 4)) + body + other + frame(frameHeader, celeryHeader('L', 255)) + frame(frameBody, "L")
	want := other + frame(frameHeader, celeryHeader('l', 5)) + body + other + frame(frameHeader, celeryHeader('l', 255)) + frame(frameBody, "L")
	readers := map[string]func(io.Reader) io.Reader{
		"whole":          func(r io.Reader) io.Reader { return r },
		"byte by byte":   iotest.OneByteReader,
		"half":           iotest.HalfReader,
		"error with end": iotest.DataErrReader,
		"random":         func(r io.Reader) io.Reader { return &ragged{r} },
	}
	for name, wrap := range readers {
		for _, size := range []int{1, 7, 4096, 5000, 70_000} {
			got, err := io.ReadAll(&sized{r: &inbound{src: wrap(strings.NewReader(in))}, size: size})
			if err != nil {
				t.Errorf("%s, %d at once: %v", name, size, err)
			}
			if string(got) != want {
				t.Errorf("%s, %d at once: what came through differs at byte %d of %d", name, size, differs(got, want), len(want))
			}
		}
	}
}

func differs(got []byte, want string) int {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return i
		}
	}
	return min(len(got), len(want))
}

// ragged returns as many bytes as it likes.
type ragged struct{ r io.Reader }

func (r *ragged) Read(p []byte) (int, error) { return r.r.Read(p[:1+rand.N(len(p))]) }

// sized asks for so many bytes at once.
type sized struct {
	r    io.Reader
	size int
}

func (s *sized) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.size)]) }

func TestHeadersThatTheLibraryRefusesAreLeftOut(t *testing.T) {
	nested := func(depth int) string {
		v := "V"
		for range depth {
			v = "A" + long(v)
		}
		return short("deep") + v
	}
	cases := map[string]struct {
		table string
		kept  bool
	}{
		"as deep as allowed":   {nested(maxDepth), true},
		"too deep":             {nested(maxDepth + 1), false},
		"as many as allowed":   {short("many") + "A" + long(strings.Repeat("V", maxEntries)), true},
		"too many":             {short("many") + "A" + long(strings.Repeat("V", maxEntries+1)), false},
		"type unknown":         {short("k") + "Z", false},
		"cut in a value":       {short("k") + "l123", false},
		"cut in a string":      {short("k") + "S\x00\x00\x01\x00abc", false},
		"cut in a name":        {"\x10abc", false},
		"cut after a name":     {short("k"), false},
		"cut in a table":       {short("k") + "F" + long("\x01"), false},
		"string beyond 2 GiB":  {short("k") + "S\xff\xff\xff\xffabc", false},
		"every type":           {short("k") + "A" + long("Vt\x01b\x01B\x01s12u12I1234i1234f1234D12345l12345678d12345678T12345678"+"S"+long("s")+"x"+long("x")+"F"+long("")), true},
		"nothing":              {"", true},
		"an empty name and V":  {"\x00V", true},
		"names may come twice": {"\x01aV\x01aV", true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			const after = "\x02\x04\x03abc" // delivery mode, priority 4, correlation id
			p := []byte(header(flagHeaders|flagDeliveryMode|flagPriority|0x0400, long(c.table)+after))
			size := len(p)
			if kept := mendHeader(p); kept != c.kept {
				t.Errorf("kept %v, want %v", kept, c.kept)
			}
			want := header(flagHeaders|flagDeliveryMode|flagPriority|0x0400, long(c.table)+"\x02\x05\x03abc")
			if !c.kept {
				want = header(flagDeliveryMode|flagPriority|0x0400, "\x02\x05\x03abc")
			}
			if len(p) != size || !bytes.HasPrefix(p, []byte(want)) {
				t.Errorf("got %q, want %q at its begin", p, want)
			}
		})
	}
}

func TestInboundPassesWhatIsNotAMQP(t *testing.T) {
	for _, in := range []string{
		"AMQP\x00\x00\x09\x01", "HTTP/1.1 400 Bad Request\r\n", "\x02\x00\x01\xff\xff\xff\xff too large for a frame", "\x02", "",
		frame(frameHeader, "short"), frame(frameHeader, header(flagContentType, "\xffx")),
	} {
		got, err := io.ReadAll(&inbound{src: strings.NewReader(in)})
		if err != nil || !strings.HasPrefix(in, string(got)) || (len(in) > 7 && len(got) != len(in)) {
			t.Errorf("got %q, %v, want %q", got, err, in)
		}
	}
	failure := errors.New("reset")
	_, err := io.ReadAll(&inbound{src: io.MultiReader(strings.NewReader("\x01\x00\x01"), iotest.ErrReader(failure))})
	if !errors.Is(err, failure) {
		t.Errorf("got %v, want the connection's error", err)
	}
}

// FuzzInbound checks that frames keep their sizes and that only header frames
// change, however the bytes arrive.
func FuzzInbound(f *testing.F) {
	f.Add([]byte(frame(frameHeader, celeryHeader('L', 4))+frame(frameBody, "L")), uint8(3))
	f.Add([]byte(frame(frameMethod, "x")+frame(frameHeader, header(flagHeaders, long("\x01kZ")))), uint8(200))
	f.Add([]byte("AMQP"), uint8(0))
	f.Fuzz(func(t *testing.T, in []byte, step uint8) {
		all := func(wrap func(io.Reader) io.Reader, size int) []byte {
			got, err := io.ReadAll(&sized{r: &inbound{src: wrap(bytes.NewReader(in))}, size: size})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		got := all(iotest.OneByteReader, int(step)+1)
		if other := all(func(r io.Reader) io.Reader { return r }, 5000); !bytes.Equal(got, other) {
			t.Fatalf("depends on how the bytes come: %q and %q", got, other)
		}
		if len(got) > len(in) {
			t.Fatalf("%d bytes became %d", len(in), len(got))
		}
		for at := 0; len(in)-at >= frameHead; {
			if in[at] != frameMethod && in[at] != frameHeader && in[at] != frameBody && in[at] != frameBeat {
				break
			}
			whole := frameHead + int(binary.BigEndian.Uint32(in[at+3:])) + frameEnds
			end := min(at+whole, len(in))
			if end-at == whole || in[at] != frameHeader || whole > frameMax {
				if len(got) < end {
					t.Fatalf("a frame that came whole did not come through")
				}
				if !bytes.Equal(got[at:at+frameHead], in[at:at+frameHead]) || (in[at] != frameHeader && !bytes.Equal(got[at:end], in[at:end])) {
					t.Fatalf("frame %q became %q", in[at:end], got[at:end])
				}
			}
			at += whole
		}
	})
}

// FuzzLibraryReadsMendedHeaders sends whatever headers to the library's own
// client, whose connection must survive each.
func FuzzLibraryReadsMendedHeaders(f *testing.F) {
	f.Add([]byte(short("ts") + int64Field('L', 1<<40)))
	f.Add([]byte(short("a") + "A" + long("V"+int64Field('L', -1))))
	f.Add([]byte(short("f") + "F" + long(short("x")+"x"+long("\x00"))))
	f.Add([]byte(short("k") + "Z"))
	f.Add([]byte(short("k") + "A" + long("S\x00\x00\x00\x09abc")))
	f.Add([]byte(short("k") + "A" + long("F\x00")))
	f.Fuzz(func(t *testing.T, table []byte) {
		if len(table) > frameMax-100 {
			return
		}
		client, server := net.Pipe()
		deadline := time.Now().Add(time.Minute)
		_ = client.SetDeadline(deadline)
		_ = server.SetDeadline(deadline)
		go serveOneMessage(server, header(flagHeaders|flagPriority, long(string(table))+"\x07"))
		defer func() { _ = server.Close() }()
		c, err := amqp.Open(struct {
			io.Reader
			io.WriteCloser
		}{&inbound{src: client}, client}, amqp.Config{SASL: []amqp.Authentication{&amqp.PlainAuth{}}, Vhost: "/", FrameSize: frameMax})
		if err != nil {
			t.Fatal(err)
		}
		ch, err := c.Channel()
		if err != nil {
			t.Fatal(err)
		}
		deliveries, err := ch.Consume("q", "tag", true, false, false, false, nil)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := <-deliveries
		if !ok {
			t.Fatalf("the library closed the connection on headers %q", table)
		}
		if p := priorityOf(d.Priority); p == nil || *p != 7 || string(d.Body) != "hello" {
			t.Errorf("got priority %v and body %q", p, d.Body)
		}
		if _, err := toTable(fromTable(d.Headers)); err != nil && !strings.Contains(err.Error(), "longer than") {
			t.Errorf("headers %v cannot be sent on: %v", d.Headers, err)
		}
		_ = client.Close()
		<-c.NotifyClose(make(chan *amqp.Error, 1))
	})
}

// serveOneMessage plays a broker until one message is delivered.
func serveOneMessage(c net.Conn, contentHeader string) {
	reply := func(channel byte, payload string) {
		_, _ = io.WriteString(c, string([]byte{frameMethod, 0, channel})+long(payload)+"\xce")
	}
	receive := func() bool {
		head := make([]byte, frameHead)
		if _, err := io.ReadFull(c, head); err != nil {
			return false
		}
		_, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head[3:]))+frameEnds)
		return err == nil
	}
	_, _ = io.CopyN(io.Discard, c, 8) // protocol header
	reply(0, "\x00\x0a\x00\x0a\x00\x09"+long("")+long("PLAIN")+long("en_US"))
	receive()                                                    // start-ok
	reply(0, "\x00\x0a\x00\x1e\x00\x0a\x00\x02\x00\x00\x00\x00") // tune: 10 channels, frames of 128 KiB
	receive()                                                    // tune-ok
	receive()                                                    // open
	reply(0, "\x00\x0a\x00\x29"+short(""))
	receive() // channel.open
	reply(1, "\x00\x14\x00\x0b"+long(""))
	receive() // basic.consume
	reply(1, "\x00\x3c\x00\x15"+short("tag"))
	reply(1, "\x00\x3c\x00\x3c"+short("tag")+"\x00\x00\x00\x00\x00\x00\x00\x01"+"\x00"+short("")+short("q"))
	_, _ = io.WriteString(c, frame(frameHeader, contentHeader)+frame(frameBody, "hello"))
	for receive() {
	}
}

func BenchmarkInbound(b *testing.B) {
	one := []byte(frame(frameMethod, "deliver") + frame(frameHeader, celeryHeader('l', 0)) + frame(frameBody, strings.Repeat("x", 200)))
	stream := slices.Repeat(one, 100)
	p := make([]byte, 4096)
	b.SetBytes(int64(len(stream)))
	for b.Loop() {
		in := &inbound{src: bytes.NewReader(stream)}
		for {
			if _, err := in.Read(p); err != nil {
				break
			}
		}
	}
}
