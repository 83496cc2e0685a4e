package rewrite

import "slices"

// Instructions that are looked at.
const (
	opBlock       = 0x02
	opLoop        = 0x03
	opIf          = 0x04
	opElse        = 0x05
	opEnd         = 0x0b
	opBr          = 0x0c
	opBrIf        = 0x0d
	opBrTable     = 0x0e
	opReturn      = 0x0f
	opCall        = 0x10
	opCallInd     = 0x11
	opSelectT     = 0x1c
	opLocalGet    = 0x20
	opLocalSet    = 0x21
	opLocalTee    = 0x22
	opGlobalGet   = 0x23
	opGlobalSet   = 0x24
	opTableGet    = 0x25
	opTableSet    = 0x26
	opFirstLoad   = 0x28
	opLastStore   = 0x3e
	opMemorySize  = 0x3f
	opMemoryGrow  = 0x40
	opI32Const    = 0x41
	opI64Const    = 0x42
	opF32Const    = 0x43
	opF64Const    = 0x44
	opFirstPlain  = 0x45
	opI32LtS      = 0x48
	opI32GtU      = 0x4b
	opI32LeU      = 0x4d
	opI64LeU      = 0x58
	opI32Add      = 0x6a
	opI32Sub      = 0x6b
	opI32Or       = 0x72
	opI32ShrU     = 0x76
	opI64Add      = 0x7c
	opI64Shl      = 0x86
	opExtendU     = 0xad
	opLastPlain   = 0xc4
	opRefNull     = 0xd0
	opRefIsNull   = 0xd1
	opRefFunc     = 0xd2
	opMisc        = 0xfc
	opVector      = 0xfd
	opUnreachable = 0x00
	opNop         = 0x01
	opDrop        = 0x1a
	opSelect      = 0x1b

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17

	vecConst   = 12
	vecShuffle = 13

	valI32    = 0x7f
	blockVoid = 0x40
)

// A label is a block, loop, if or the function that encloses an instruction.
type label struct{ loop, isIf bool }

// A region is code that runs as a whole once its beginning does: a function, or
// a round of a loop, without the loops in it.
type region struct {
	at   int // of the number in scratch that says what it takes
	cost int
}

// code rewrites all functions.
func (e *emitter) code(s section) []byte {
	r := s.reader()
	n := r.u32()
	if int(n) != len(e.funcs) {
		r.fail("%d functions where %d are declared", n, len(e.funcs))
	}
	out := make([]byte, 0, len(s.content)+len(s.content)/4)
	helpers := uint32(0)
	if e.helpers() {
		helpers = 2
	}
	out = appendU32(out, n+helpers)
	var body []byte
	for i := range e.funcs {
		size := r.u32()
		if size > maxBody {
			panic(tooMuch("function %d takes %d bytes, the limit is %d", e.importedFuncs+i, size, maxBody))
		}
		r.what = "section code"
		old, first := r.at, len(e.marks)
		in := &reader{data: r.bytes(size), what: "function"}
		body = e.body(body[:0], in, i)
		out = appendU32(out, uint32(len(body)))
		e.place(first, old, len(out))
		out = append(out, body...)
	}
	e.codeEnd = uint32(len(out))
	if !r.done() {
		r.fail("%d bytes too many", len(r.data)-r.at)
	}
	if helpers > 0 {
		for _, code := range [][]byte{e.fillInPieces(), e.copyInPieces()} {
			code = append([]byte{0}, code...) // no locals
			out = append(appendU32(out, uint32(len(code))), code...)
		}
	}
	return out
}

// place puts the marks of a function, from the first on, where its body is. The
// first instruction of its source is where the body begins.
func (e *emitter) place(first, old, now int) {
	for i := first; i < len(e.marks); i++ {
		e.marks[i].old += uint32(old)
		e.marks[i].new += uint32(now + e.prefix)
	}
	if first < len(e.marks) {
		e.marks = slices.Insert(e.marks, first, mark{uint32(old), uint32(now)})
	}
}

// body rewrites one function.
func (e *emitter) body(out []byte, r *reader, index int) []byte {
	t := e.module.types[e.funcs[index]]
	values := len(t.params)
	groups := r.count("groups of locals", maxLocals)
	out = appendU32(out, uint32(groups))
	for range groups {
		n := r.u32()
		if values += int(n); n > maxLocals || values > maxLocals {
			panic(tooMuch("function %d has more than %d locals", e.importedFuncs+index, maxLocals))
		}
		out = append(appendU32(out, n), r.byte())
	}

	e.scratch = e.scratch[:0]
	e.labels = append(e.labels[:0], label{})
	// What is around all loops is known in the end, and written before the rest.
	e.regions = append(e.regions[:0], region{cost: values})
	calls, loops := false, false
	e.shape = shape{written: e.shape.written}
	clear(e.shape.written)
	for len(e.labels) > 0 {
		start := r.at
		if e.dwarf != nil {
			e.marks = append(e.marks, mark{uint32(start), uint32(len(e.scratch))})
		}
		op := r.byte()
		switch op {
		case opCall, opCallInd:
			calls = true
		case opLoop:
			loops = true
		}
		e.instruction(r, op)
		if len(e.labels) > 0 {
			e.regions[len(e.regions)-1].cost += r.at - start
		}
	}
	if !r.done() {
		r.fail("code behind the function's end")
	}
	e.estimate(index)
	if !calls && !loops && e.regions[0].cost <= smallBody {
		e.prefix = len(out)
		return append(append(out, e.scratch...), opEnd)
	}
	frame := uint32(0)
	if calls {
		frame = uint32(frameBytes + valueBytes*values)
		out = e.take(out, e.stack, frame)
	}
	out = e.charge(out, uint32(min(e.regions[0].cost, maxCost)), calls)
	// Leaving the function by a branch or return is leaving this block.
	out = append(out, opBlock)
	switch len(t.results) {
	case 0:
		out = append(out, blockVoid)
	case 1:
		out = append(out, t.results[0])
	default:
		out = appendSigned(out, int64(e.typ(signature{nil, t.results})))
	}
	e.prefix = len(out)
	out = append(out, e.scratch...)
	out = append(out, opEnd)
	if calls {
		out = e.add(out, e.stack, frame)
	}
	return append(out, opEnd)
}

// take subtracts a number from a global.
func (e *emitter) take(out []byte, global, n uint32) []byte {
	out = append(appendU32(append(out, opGlobalGet), global), opI32Const)
	out = append(appendSigned(out, int64(n)), opI32Sub)
	return appendU32(append(out, opGlobalSet), global)
}

// add adds a number to a global.
func (e *emitter) add(out []byte, global, n uint32) []byte {
	out = append(appendU32(append(out, opGlobalGet), global), opI32Const)
	out = append(appendSigned(out, int64(n)), opI32Add)
	return appendU32(append(out, opGlobalSet), global)
}

// charge takes n from the budget and calls the host if it, or with it the stack,
// is used up.
func (e *emitter) charge(out []byte, n uint32, stack bool) []byte {
	return e.check(e.take(out, e.fuel, n), stack)
}

// check calls the host if the budget, or with it the stack, is used up.
func (e *emitter) check(out []byte, stack bool) []byte {
	out = appendU32(append(out, opGlobalGet), e.fuel)
	if stack {
		out = append(appendU32(append(out, opGlobalGet), e.stack), opI32Or)
	}
	out = append(out, opI32Const, 0, opI32LtS, opIf, blockVoid)
	out = appendU32(append(out, opGlobalGet), e.stack)
	out = appendU32(append(out, opCall), e.tick)
	out = appendU32(append(out, opGlobalSet), e.fuel)
	return append(out, opEnd)
}

// chargeLoop is charge for a loop, whose cost is filled in at its end.
func (e *emitter) chargeLoop() {
	b := append(appendU32(append(e.scratch, opGlobalGet), e.fuel), opI32Const)
	e.regions = append(e.regions, region{at: len(b)})
	b = append(b, make([]byte, patchLength)...)
	b = appendU32(append(b, opI32Sub, opGlobalSet), e.fuel)
	e.scratch = e.check(b, false)
}

// cost adds to what the region under way takes.
func (e *emitter) cost(n int) { e.regions[len(e.regions)-1].cost += n }

// end ends the innermost block.
func (e *emitter) end() {
	last := e.labels[len(e.labels)-1]
	e.labels = e.labels[:len(e.labels)-1]
	if last.loop {
		r := e.regions[len(e.regions)-1]
		e.regions = e.regions[:len(e.regions)-1]
		patch(e.scratch[r.at:], uint32(min(r.cost, maxCost-1)))
	}
}

// fillInPieces is the body of (dst, value, n), which does what memory.fill does.
func (e *emitter) fillInPieces() []byte {
	fill := []byte{opMisc, miscMemoryFill, 0}
	step := slices.Concat(
		get(0), get(1), constant(piece), fill,
		get(0), constant(piece), []byte{opI32Add, opLocalSet, 0},
		get(2), constant(piece), []byte{opI32Sub, opLocalSet, 2})
	code := e.inPieces(e.inside(0), step)
	return slices.Concat(code, get(0), get(1), get(2), fill, []byte{opEnd})
}

// copyInPieces is the body of (dst, src, n), which does what memory.copy does:
// from the end if the source comes first, for they may overlap.
func (e *emitter) copyInPieces() []byte {
	cp := []byte{opMisc, miscMemoryCopy, 0, 0}
	forward := slices.Concat(
		get(0), get(1), constant(piece), cp,
		get(0), constant(piece), []byte{opI32Add, opLocalSet, 0},
		get(1), constant(piece), []byte{opI32Add, opLocalSet, 1},
		get(2), constant(piece), []byte{opI32Sub, opLocalSet, 2})
	backward := slices.Concat(
		get(2), constant(piece), []byte{opI32Sub, opLocalSet, 2},
		get(0), get(2), []byte{opI32Add}, get(1), get(2), []byte{opI32Add}, constant(piece), cp)
	step := slices.Concat(
		get(0), get(1), []byte{opI32LeU, opIf, blockVoid}, forward, []byte{opElse}, backward, []byte{opEnd})
	inside := slices.Concat(e.inside(0), []byte{opIf, valI32}, e.inside(1), []byte{opElse}, constant(0), []byte{opEnd})
	code := e.inPieces(inside, step)
	return slices.Concat(code, get(0), get(1), get(2), cp, []byte{opEnd})
}

// inPieces does step as long as more than a piece is left of the n in local 2,
// if all is inside of the memory: what is not traps as a whole, before anything
// is written. Then it takes from the budget what the rest costs.
func (e *emitter) inPieces(inside, step []byte) []byte {
	more := slices.Concat(get(2), constant(piece), []byte{opI32GtU, opIf, blockVoid})
	code := slices.Concat(more, inside, []byte{opIf, blockVoid, opLoop, blockVoid}, more)
	code = e.charge(code, piece>>pieceShift, false)
	code = slices.Concat(code, step, []byte{opBr, 1, opEnd, opEnd, opEnd, opEnd})

	code = appendU32(append(code, opGlobalGet), e.fuel)
	code = slices.Concat(code, get(2), constant(pieceShift), []byte{opI32ShrU}, constant(1<<27-1), []byte{0x71, opI32Sub})
	code = appendU32(append(code, opGlobalSet), e.fuel)
	return e.check(code, false)
}

// inside says whether n bytes, n in local 2, from the address in a local on are
// in the memory.
func (e *emitter) inside(local byte) []byte {
	return slices.Concat(
		get(local), []byte{opExtendU}, get(2), []byte{opExtendU, opI64Add},
		[]byte{opMemorySize, 0, opExtendU, opI64Const, 16, opI64Shl, opI64LeU})
}

func get(local byte) []byte { return []byte{opLocalGet, local} }

func constant(v int64) []byte { return appendSigned([]byte{opI32Const}, v) }
