package udf

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Names in the jar of the Java classes.
const (
	javaPackage   = "io/sparkstalk/udf/"
	functionBase  = javaPackage + "Function"
	udfInterface  = "org/apache/spark/sql/api/java/UDF"
	aggregateBase = javaPackage + "Aggregate"
	callClass     = javaPackage + "Call"

	machineInterface = "run/endive/runtime/Machine"
)

// class returns a Java class file (JVM specification, chapter 4) of a public
// class with one constructor, which takes nothing and passes spec to that of
// super. With arity 0 to 10 it implements UDF0 to UDF10 of Object; Spark looks at
// the generic signature for that. A negative arity implements nothing.
//
// Such a class has a method enter of its own, and, with number, the name of a
// method of Call, a method call, which returns what that method does: see
// Function.java and Call.java.
func class(name, super, spec string, arity int, number string) ([]byte, error) {
	if len(spec) > 0xffff {
		return nil, fmt.Errorf("the description of %s takes %d bytes; a Java class has room for %d", name, len(spec), 0xffff)
	}
	p := new(constants)
	this, parent := p.class(name), p.class(super)
	var interfaces []uint16
	signature := ""
	if arity >= 0 {
		udf := fmt.Sprintf("%s%d", udfInterface, arity)
		interfaces = append(interfaces, p.class(udf))
		signature = "L" + super + ";L" + udf + "<" + strings.Repeat("Ljava/lang/Object;", arity+1) + ">;"
	}
	construct := p.method(parent, "<init>", "(Ljava/lang/String;)V")
	text := p.string(spec)
	code := []byte{
		0x2a,                              // aload_0
		0x13, byte(text >> 8), byte(text), // ldc_w
		0xb7, byte(construct >> 8), byte(construct), // invokespecial
		0xb1, // return
	}
	// What comes after the constants refers to them, so they come last here.
	body := u2(nil, 0x0021, this, parent, uint16(len(interfaces))) // public, super
	body = u2(body, interfaces...)
	methods := uint16(1)
	if arity >= 0 {
		methods++
	}
	if number != "" {
		methods++
	}
	body = u2(body, 0, methods) // no fields
	body = u2(body, 0x0001, p.utf8("<init>"), p.utf8("()V"), 1, p.utf8("Code"))
	body = attribute(body, 2, 1, code)
	if arity >= 0 {
		machine := p.interfaceMethod(p.class(machineInterface), "call", "(I[J)[J")
		body = u2(body, 0x0004, p.utf8("enter"), p.utf8("(L"+machineInterface+";I[J)J"), 1, p.utf8("Code"))
		body = attribute(body, 3, 4, []byte{
			0x2b, 0x1c, 0x2d, // aload_1, iload_2, aload_3
			0xb9, byte(machine >> 8), byte(machine), 3, 0, // invokeinterface
			0x03, 0x2f, 0xad, // iconst_0, laload, lreturn
		})
	}
	if number != "" {
		objects := strings.Repeat("Ljava/lang/Object;", arity)
		call := []byte{0x2a} // aload_0
		for i := range arity {
			call = append(call, 0x19, byte(1+i)) // aload
		}
		way := p.method(this, "number", "("+objects+")L"+callClass+";")
		as := p.method(p.class(callClass), number, "()Ljava/lang/Object;")
		call = append(call, 0xb6, byte(way>>8), byte(way), 0xb6, byte(as>>8), byte(as), 0xb0) // invokevirtual, twice, areturn
		body = u2(body, 0x0001, p.utf8("call"), p.utf8("("+objects+")Ljava/lang/Object;"), 1, p.utf8("Code"))
		body = attribute(body, uint16(1+arity), uint16(1+arity), call)
	}
	if signature == "" {
		body = u2(body, 0)
	} else {
		body = u2(body, 1, p.utf8("Signature"))
		body = u4(body, 2)
		body = u2(body, p.utf8(signature))
	}
	out := u4(nil, 0xcafebabe)
	out = u2(out, 0, 55, uint16(p.n+1)) // of Java 11, which needs no stack maps here
	out = append(out, p.data...)
	return append(out, body...), nil
}

// attribute is the rest of a method's attribute Code.
func attribute(to []byte, stack, locals uint16, code []byte) []byte {
	to = u4(to, uint32(12+len(code)))
	to = u2(to, stack, locals)
	to = u4(to, uint32(len(code)))
	to = append(to, code...)
	return u2(to, 0, 0) // no handlers, no attributes
}

// constants is a class's constant pool. Its items are numbered from 1.
type constants struct {
	data []byte
	n    int
}

func (p *constants) add(item ...byte) uint16 {
	p.data = append(p.data, item...)
	p.n++
	return uint16(p.n)
}

func (p *constants) utf8(text string) uint16 {
	return p.add(append(u2([]byte{1}, uint16(len(text))), text...)...)
}

func (p *constants) class(name string) uint16 { return p.add(u2([]byte{7}, p.utf8(name))...) }

func (p *constants) string(text string) uint16 { return p.add(u2([]byte{8}, p.utf8(text))...) }

func (p *constants) method(class uint16, name, descriptor string) uint16 {
	return p.member(10, class, name, descriptor)
}

func (p *constants) interfaceMethod(class uint16, name, descriptor string) uint16 {
	return p.member(11, class, name, descriptor)
}

func (p *constants) member(tag byte, class uint16, name, descriptor string) uint16 {
	nameAndType := p.add(u2([]byte{12}, p.utf8(name), p.utf8(descriptor))...)
	return p.add(u2([]byte{tag}, class, nameAndType)...)
}

func u2(to []byte, values ...uint16) []byte {
	for _, v := range values {
		to = binary.BigEndian.AppendUint16(to, v)
	}
	return to
}

func u4(to []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(to, v) }
