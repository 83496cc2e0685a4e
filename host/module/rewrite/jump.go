package rewrite

// A jumper finds the jumps of a function that a compiler made a loop around a
// br_table of, as Go's does for all functions: what goes to another place sets
// a number and goes to the loop's beginning, which goes to the place. Where that
// is further on in the code, one can go there at once.
//
//	loop
//	  block … block            ;; as many as there are places
//	    local.get $n
//	    br_table …             ;; to the end of one of the blocks
//	  end …
//	  i32.const 7
//	  local.set $n
//	  br $loop                 ;; to the block that ends at place 7, if it is still open
//	end
type jumper struct {
	depth int // of blocks at the instruction under way
	// loop is the depth outside of the loop, negative before there is one; of the
	// blocks that begin with it, open ones are not ended yet.
	loop, blocks, open int
	local              uint32
	places             []uint32 // the blocks, from inside, and at last that of all other numbers
	// number was set by the instruction before the one at position at, or at is negative.
	number uint32
	at     int
	pushed int // where a constant that was pushed ends
}

func newJumper() *jumper { return &jumper{loop: -1, at: -1, pushed: -1} }

// step notes an instruction, of which r is about to read what follows op. For a
// jump that can be a shorter one it returns its label.
func (j *jumper) step(r *reader, op byte) (label uint32, ok bool) {
	ahead := &reader{data: r.data, at: r.at, what: r.what}
	start := r.at - 1
	switch op {
	case opBlock, opLoop, opIf:
		if op == opLoop && j.loop < 0 {
			j.begin(ahead)
		}
		j.depth++
	case opEnd:
		j.depth--
		if j.loop >= 0 && j.open > 0 && j.depth == j.loop+j.open {
			j.open--
		}
	case opI32Const:
		j.number = uint32(ahead.signed(32))
		j.pushed = ahead.at
	case opLocalSet:
		if local := ahead.u32(); j.pushed == start && local == j.local {
			j.at = ahead.at
		}
	case opBr:
		to := ahead.u32()
		if j.loop < 0 || j.at != start || j.depth-1-int(to) != j.loop {
			return 0, false
		}
		place := int(j.places[min(int(j.number), len(j.places)-1)])
		// From outside, the loop's blocks come right behind the loop.
		if block := j.loop + j.blocks - place; place < j.blocks && block <= j.loop+j.open {
			return uint32(j.depth - 1 - block), true
		}
	}
	return 0, false
}

// begin looks whether a loop begins like that; r is behind its first byte.
func (j *jumper) begin(r *reader) {
	if r.byte() != blockVoid {
		return
	}
	n := 0
	for r.byte() == opBlock {
		if r.byte() != blockVoid {
			return
		}
		n++
	}
	if n == 0 || r.data[r.at-1] != opLocalGet {
		return
	}
	local := r.u32()
	if r.byte() != opBrTable {
		return
	}
	places := make([]uint32, r.count("labels of a br_table", len(r.data))+1)
	for i := range places {
		places[i] = r.u32()
	}
	j.loop, j.blocks, j.open, j.local, j.places = j.depth, n, n, local, places
}
