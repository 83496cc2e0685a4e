package rewrite

// skip reads what follows the first byte of an instruction.
func skip(r *reader, op byte) {
	switch {
	case op >= opFirstPlain && op <= opLastPlain:
	case op >= opFirstLoad && op <= opLastStore:
		r.u32()
		r.u32()
	case op == opUnreachable || op == opNop || op == opElse || op == opEnd || op == opReturn || op == opDrop || op == opSelect || op == opRefIsNull:
	case op == opLocalGet || op == opLocalSet || op == opLocalTee || op == opGlobalGet || op == opGlobalSet ||
		op == opBr || op == opBrIf || op == opCall || op == opRefFunc || op == opTableGet || op == opTableSet:
		r.u32()
	case op == opCallInd:
		r.u32()
		r.u32()
	case op == opI32Const:
		r.signed(32)
	case op == opI64Const:
		r.signed(64)
	case op == opF32Const:
		r.bytes(4)
	case op == opF64Const:
		r.bytes(8)
	case op == opBlock || op == opLoop || op == opIf:
		r.signed(33)
	case op == opBrTable:
		for range r.count("labels of a br_table", len(r.data)) + 1 {
			r.u32()
		}
	case op == opSelectT:
		r.name()
	case op == opMemorySize || op == opMemoryGrow || op == opRefNull:
		r.byte()
	case op == opMisc:
		skipMisc(r, r.u32())
	case op == opVector:
		vector(nil, r)
	default:
		r.fail("instruction %#x is none of WebAssembly 2.0", op)
	}
}

// skipMisc reads what follows the prefix 0xfc and the number behind it.
func skipMisc(r *reader, sub uint32) {
	switch {
	case sub < miscMemoryInit:
	case sub == miscMemoryInit || sub == miscMemoryCopy || sub == miscTableInit || sub == miscTableCopy:
		r.u32()
		r.u32()
	case sub <= miscTableFill:
		r.u32()
	default:
		r.fail("instruction %#x %d is none of WebAssembly 2.0", opMisc, sub)
	}
}
