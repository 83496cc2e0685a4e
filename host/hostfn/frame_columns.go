package hostfn

import "github.com/sparkstalk/sparkstalk/abi"

// FrameDropColumns implements [abi.Host].
func (i *Invocation) FrameDropColumns(in abi.Frame, columns []abi.Expr) abi.Frame {
	b := i.build("FrameDropColumns")
	return b.keepFrame(b.frame(in).DropColumns(b.exprList(columns)...))
}

// FrameToDF implements [abi.Host].
func (i *Invocation) FrameToDF(in abi.Frame, names []string) abi.Frame {
	b := i.build("FrameToDF")
	return b.keepFrame(b.frame(in).ToDF(b.texts(names)...))
}

// FrameToSchema implements [abi.Host].
func (i *Invocation) FrameToSchema(in abi.Frame, schema string) abi.Frame {
	b := i.build("FrameToSchema")
	return b.keepFrame(b.frame(in).ToSchema(b.text(schema)))
}

// FrameParse implements [abi.Host].
func (i *Invocation) FrameParse(in abi.Frame, format, schema string, options []string) abi.Frame {
	b := i.build("FrameParse")
	return b.keepFrame(b.frame(in).Parse(b.text(format), b.text(schema), b.pairs(options)))
}
