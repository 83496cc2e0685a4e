package rabbitmq

import (
	"encoding/binary"
	"io"
)

const (
	frameHead   = 7 // type, channel, size
	frameEnds   = 1
	frameMethod = 1
	frameHeader = 2
	frameBody   = 3
	frameBeat   = 8
	// frameMax is the largest frame that the client asks for; RabbitMQ's default.
	frameMax = 128 << 10
	// inboundBuffer is how much is read from the socket at once.
	inboundBuffer = 32 << 10
	// maxDepth and maxEntries are how deep tables may nest and how many entries
	// one may have before amqp091-go refuses the frame and closes the connection.
	maxDepth, maxEntries = 32, 8192
	maxShort             = 255

	flagContentType     = 0x8000
	flagContentEncoding = 0x4000
	flagHeaders         = 0x2000
	flagDeliveryMode    = 0x1000
	flagPriority        = 0x0800
)

// inbound reads what the broker sends and mends content-header frames on the way
// to amqp091-go, which closes the connection on some that are in order; the
// message would return to its queue, come again and do the same for ever:
//
//   - Field type L, a signed 64-bit integer in RabbitMQ's and py-amqp's reading,
//     becomes l, which means the same and is all that the library knows.
//   - Headers that nest too deep or have too many entries for the library are
//     left out, and told to dropped.
//   - A priority is raised by one, so that the library's zero means that none was
//     given; see priorityOf.
//
// Each of these keeps the frame's size, so it is done in place. Only header
// frames are held back until they are whole; everything else passes as it comes.
type inbound struct {
	src     io.Reader
	dropped func() // may be nil

	buf      []byte
	from     int   // buf[from:ready] can be handed out
	ready    int   // buf[ready:to] cannot yet
	to       int   // the end of what was read
	passing  int64 // bytes after ready that pass as they are
	hold     int   // size of the frame that must be whole, or 0
	anything bool  // this is not AMQP: the library shall say so
}

func (in *inbound) Read(p []byte) (int, error) {
	for in.from == in.ready {
		if in.ready == in.to && in.passing > 0 && len(p) > 4096 {
			// The library reads a large body into its own slice.
			n, err := in.src.Read(p[:min(int64(len(p)), in.passing)])
			in.passing -= int64(n)
			return n, err
		}
		in.makeRoom()
		n, err := in.src.Read(in.buf[in.to:])
		in.to += n
		in.advance()
		if in.from == in.ready && err != nil {
			return 0, err
		}
	}
	n := copy(p, in.buf[in.from:in.ready])
	in.from += n
	return n, nil
}

// makeRoom makes buf long enough for a frame held back, and for at least one byte more.
func (in *inbound) makeRoom() {
	// Nothing is ready, so what is kept begins at ready.
	kept := in.to - in.ready
	if need := max(in.hold, kept+1); need > len(in.buf) {
		bigger := make([]byte, max(need, inboundBuffer))
		copy(bigger, in.buf[in.ready:in.to])
		in.buf = bigger
	} else {
		copy(in.buf, in.buf[in.ready:in.to])
	}
	in.from, in.ready, in.to = 0, 0, kept
}

// advance moves ready over what was read, frame by frame.
func (in *inbound) advance() {
	in.hold = 0
	for in.ready < in.to {
		if in.anything {
			in.ready = in.to
			return
		}
		if in.passing > 0 {
			n := min(in.passing, int64(in.to-in.ready))
			in.ready += int(n)
			in.passing -= n
			continue
		}
		frame := in.buf[in.ready:in.to]
		if len(frame) < frameHead {
			return
		}
		size := int64(binary.BigEndian.Uint32(frame[3:]))
		whole := frameHead + size + frameEnds
		switch frame[0] {
		case frameHeader:
			if whole > frameMax { // which the library refuses
				in.passing = whole
				continue
			}
			if int64(len(frame)) < whole {
				in.hold = int(whole)
				return
			}
			if !mendHeader(frame[frameHead:frameHead+size]) && in.dropped != nil {
				in.dropped()
			}
			in.ready += int(whole)
		case frameMethod, frameBody, frameBeat:
			in.passing = whole
		default:
			in.anything = true
		}
	}
}

// mendHeader mends the payload of a content-header frame and reports whether the
// headers could stay. What is malformed otherwise is left for the library to refuse.
func mendHeader(p []byte) bool {
	const properties = 14 // class, weight, body size, flags
	if len(p) < properties {
		return true
	}
	flags := binary.BigEndian.Uint16(p[12:])
	at, ok, kept := properties, true, true
	for _, flag := range []uint16{flagContentType, flagContentEncoding} {
		if flags&flag != 0 {
			if at, ok = skip(p, at, 1); !ok {
				return true
			}
		}
	}
	if flags&flagHeaders != 0 {
		end, ok := skip(p, at, 4)
		if !ok {
			return true
		}
		if mendTable(p[at+4:end], 0) {
			at = end
		} else {
			// The library passes over bytes that are left at the end.
			kept = false
			flags &^= flagHeaders
			binary.BigEndian.PutUint16(p[12:], flags)
			copy(p[at:], p[end:])
		}
	}
	if flags&flagDeliveryMode != 0 {
		at++
	}
	if flags&flagPriority != 0 && at < len(p) && p[at] < 255 {
		p[at]++
	}
	return kept
}

// priorityOf is the priority that a message had before mendHeader; nil is none.
// 255 is read as 254, since both became 255.
func priorityOf(read uint8) *uint8 {
	if read == 0 {
		return nil
	}
	read--
	return &read
}

// skip returns the index after a string at p[at:] that has its length, of so
// many bytes, before it.
func skip(p []byte, at, width int) (int, bool) {
	if at+width > len(p) {
		return 0, false
	}
	n := int(p[at])
	if width == 4 {
		n = int(binary.BigEndian.Uint32(p[at:]))
	}
	if n > len(p)-at-width {
		return 0, false
	}
	return at + width + n, true
}

// mendTable replaces type L in a table, given without its length, and reports
// whether the library can read it.
func mendTable(p []byte, depth int) bool {
	if depth > maxDepth {
		return false
	}
	entries := 0
	for at, ok := 0, true; at < len(p); {
		if entries++; entries > maxEntries {
			return false
		}
		if at, ok = skip(p, at, 1); !ok {
			return false
		}
		if at, ok = mendField(p, at, depth); !ok {
			return false
		}
	}
	return true
}

func mendArray(p []byte, depth int) bool {
	if depth > maxDepth {
		return false
	}
	entries := 0
	for at, ok := 0, true; at < len(p); {
		if entries++; entries > maxEntries {
			return false
		}
		if at, ok = mendField(p, at, depth); !ok {
			return false
		}
	}
	return true
}

// mendField mends the value at p[at:], type letter first, and returns the index after it.
func mendField(p []byte, at, depth int) (int, bool) {
	if at >= len(p) {
		return 0, false
	}
	size := 0
	switch p[at] {
	case 'V':
	case 't', 'b', 'B':
		size = 1
	case 's', 'u':
		size = 2
	case 'I', 'i', 'f':
		size = 4
	case 'D':
		size = 5
	case 'L':
		p[at] = 'l'
		size = 8
	case 'l', 'd', 'T':
		size = 8
	case 'S', 'x':
		return skip(p, at+1, 4)
	case 'A', 'F':
		end, ok := skip(p, at+1, 4)
		if !ok {
			return 0, false
		}
		if p[at] == 'A' {
			return end, mendArray(p[at+5:end], depth+1)
		}
		return end, mendTable(p[at+5:end], depth+1)
	default:
		return 0, false
	}
	end := at + 1 + size
	return end, end <= len(p)
}
