package rewrite

import "bytes"

// customName is the name of a custom section.
func customName(s section) []byte { return s.reader().name() }

// custom returns the content of a custom section, with the functions moved that
// it names. Names that make no sense are left out: they are no reason to refuse
// a module, and wazero would make room for as many as they say that there are.
func (e *emitter) custom(s section, name []byte) (content []byte, ok bool) {
	switch {
	case string(name) == "name":
		return e.names(s)
	case bytes.HasPrefix(name, []byte(".debug_")):
		return nil, false
	}
	return s.content, true
}

// names moves the functions of a name section.
func (e *emitter) names(s section) (out []byte, ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, mal := r.(malformed); !mal {
				panic(r)
			}
			ok = false
		}
	}()
	r := s.reader()
	r.name()
	out = append(out, r.data[:r.at]...)
	for !r.done() {
		id := r.byte()
		sub := &reader{data: r.name(), what: r.what}
		content := sub.data
		switch id {
		case 1: // functions
			content = e.moveNames(sub, func(b []byte) []byte { return appendName(b, sub) })
		case 2, 3: // locals and labels of functions
			content = e.moveNames(sub, func(b []byte) []byte {
				n := sub.u32()
				b = appendU32(b, n)
				for range n {
					b = appendName(appendU32(b, sub.u32()), sub)
				}
				return b
			})
		}
		out = appendSection(out, id, content)
	}
	return out, true
}

// moveNames copies a list of functions with something behind each.
func (e *emitter) moveNames(r *reader, rest func([]byte) []byte) []byte {
	n := r.u32()
	out := appendU32(nil, n)
	for range n {
		out = rest(appendU32(out, e.moved(r.u32())))
	}
	return append(out, r.data[r.at:]...)
}

func appendName(b []byte, r *reader) []byte {
	name := r.name()
	return append(appendU32(b, uint32(len(name))), name...)
}
