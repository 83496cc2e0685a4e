package rewrite

// instruction copies one instruction to scratch. Numbers are written anew, in
// their shortest form, so that nobody can read them otherwise than they were
// read here.
func (e *emitter) instruction(r *reader, op byte) {
	b := append(e.scratch, op)
	switch {
	case op >= opFirstPlain && op <= opLastPlain:
	case op == opLocalGet:
		b = appendU32(b, r.u32())
	case op == opLocalSet || op == opLocalTee:
		i := r.u32()
		e.shape.written[i] = true
		b = appendU32(b, i)
	case op >= opFirstLoad && op <= opLastStore:
		b = appendU32(appendU32(b, r.u32()), r.u32())
	case op == opI32Const:
		b = appendSigned(b, r.signed(32))
	case op == opI64Const:
		b = appendSigned(b, r.signed(64))
	case op == opF32Const:
		b = append(b, r.bytes(4)...)
	case op == opF64Const:
		b = append(b, r.bytes(8)...)
	case op == opGlobalGet || op == opGlobalSet:
		b = appendU32(b, e.global(r))
	case op == opBr || op == opBrIf:
		b = appendU32(b, e.label(r))
		e.shape.blocks++
	case op == opBlock || op == opLoop || op == opIf:
		b = e.blockType(b, r)
		e.labels = append(e.labels, label{loop: op == opLoop, isIf: op == opIf})
		e.shape.blocks++
		if len(e.labels) > maxDepth {
			panic(tooMuch("a function with blocks %d deep, the limit is %d", len(e.labels), maxDepth))
		}
		if op == opLoop {
			e.scratch = b
			e.chargeLoop()
			e.shape.depth = max(e.shape.depth, len(e.regions)-1)
			return
		}
	case op == opElse:
		if last := &e.labels[len(e.labels)-1]; last.isIf {
			last.isIf = false
		} else {
			r.fail("else without if")
		}
	case op == opEnd:
		if len(e.labels) == 1 {
			// The function's own end is written by body.
			e.labels = e.labels[:0]
			return
		}
		e.scratch = b // where end fills in a number
		e.end()
	case op == opBrTable:
		n := r.count("labels of a br_table", maxLabels)
		b = appendU32(b, uint32(n))
		e.shape.branches += n + 1
		for range n + 1 {
			b = appendU32(b, e.label(r))
		}
	case op == opReturn:
		// The function's code stands in a block, whose end gives back the stack.
		b = appendU32(append(e.scratch, opBr), uint32(len(e.labels)-1))
	case op == opCall:
		b = appendU32(b, e.function(r))
		e.cost(callCost)
	case op == opCallInd:
		b = appendU32(b, r.index("type", len(e.module.types)))
		b = appendU32(b, r.index("table", len(e.tables)))
		e.cost(callCost)
	case op == opUnreachable || op == opNop || op == opDrop || op == opSelect || op == opRefIsNull:
	case op == opSelectT:
		n := r.count("types of a select", 16)
		b = append(appendU32(b, uint32(n)), r.bytes(uint32(n))...)
	case op == opTableGet || op == opTableSet:
		b = appendU32(b, r.index("table", len(e.tables)))
	case op == opMemorySize || op == opMemoryGrow:
		b = append(b, e.zero(r))
		e.cost(callCost)
	case op == opRefNull:
		b = append(b, r.byte())
	case op == opRefFunc:
		b = appendU32(b, e.function(r))
		e.cost(callCost)
	case op == opMisc:
		b = e.misc(b[:len(b)-1], r)
	case op == opVector:
		b = vector(b, r)
	default:
		r.fail("instruction %#x is none of WebAssembly 2.0", op)
	}
	e.scratch = b
}

func (e *emitter) label(r *reader) uint32 { return r.index("label", len(e.labels)) }

// zero reads the byte where later versions name a memory.
func (e *emitter) zero(r *reader) byte {
	if b := r.byte(); b != 0 {
		r.fail("memory %d of 1", b)
	}
	return 0
}

func (e *emitter) blockType(b []byte, r *reader) []byte {
	t := r.signed(33)
	if t >= int64(len(e.module.types)) {
		r.fail("type %d of %d", t, len(e.module.types))
	}
	if t < -64 {
		r.fail("a block of the type %d", t)
	}
	return appendSigned(b, t)
}

// misc copies an instruction behind the prefix 0xfc.
func (e *emitter) misc(b []byte, r *reader) []byte {
	sub := r.u32()
	with := appendU32(append(b, opMisc), sub)
	switch sub {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return with
	case miscMemoryInit:
		i := r.u32()
		if i < uint32(len(e.dataLen)) {
			b = e.charge(b, min(e.dataLen[i]>>pieceShift, maxCost), false)
		}
		return append(appendU32(append(b, opMisc, miscMemoryInit), i), e.zero(r))
	case miscDataDrop, miscElemDrop:
		return appendU32(with, r.u32())
	case miscMemoryCopy:
		e.zero(r)
		e.zero(r)
		return e.bulk(b, r, e.copy)
	case miscMemoryFill:
		e.zero(r)
		return e.bulk(b, r, e.fill)
	case miscTableInit:
		segment, table := r.u32(), e.table(r)
		return appendU32(appendU32(e.tableOp(b, sub, table), segment), table)
	case miscTableCopy:
		to, from := e.table(r), e.table(r)
		return appendU32(appendU32(e.tableOp(b, sub, to), to), from)
	case miscTableGrow, miscTableFill:
		table := e.table(r)
		return appendU32(e.tableOp(b, sub, table), table)
	case miscTableSize:
		return appendU32(with, r.index("table", len(e.tables)))
	}
	r.fail("instruction %#x %d is none of WebAssembly 2.0", opMisc, sub)
	return nil
}

// bulk calls the function that does an instruction in pieces.
func (e *emitter) bulk(b []byte, r *reader, function uint32) []byte {
	if !e.memory {
		r.fail("there is no memory")
	}
	e.cost(callCost)
	return appendU32(append(b, opCall), function)
}

func (e *emitter) table(r *reader) uint32 { return r.index("table", len(e.tables)) }

// tableOp begins an instruction that may go through a whole table. What it may
// take is taken right before it, for many may stand in a row.
func (e *emitter) tableOp(b []byte, sub, table uint32) []byte {
	b = e.charge(b, callCost+e.entries[table], false)
	return appendU32(append(b, opMisc), sub)
}

// vector copies an instruction behind the prefix 0xfd.
func vector(b []byte, r *reader) []byte {
	sub := r.u32()
	b = appendU32(b, sub)
	switch {
	case sub == vecConst || sub == vecShuffle:
		return append(b, r.bytes(16)...)
	case sub < vecConst || sub == 92 || sub == 93: // loads and stores
		return appendU32(appendU32(b, r.u32()), r.u32())
	case sub >= 21 && sub <= 34: // lanes
		return append(b, r.byte())
	case sub >= 84 && sub <= 91: // loads and stores of a lane
		b = appendU32(appendU32(b, r.u32()), r.u32())
		return append(b, r.byte())
	case sub <= 255:
		return b
	}
	r.fail("instruction %#x %d is none of WebAssembly 2.0", opVector, sub)
	return nil
}
