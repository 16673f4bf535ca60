package coseimpl

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/sottokit/sotto/fault"
	"github.com/sottokit/sotto/internal/wire"
)

// Field is one parameter of a header or of a key: its label and its encoded value. Labels are integers; a foreign text
// label is kept so that duplicates are found, and has Label 0 otherwise.
type Field struct {
	Label int64
	Text  string
	Value []byte
}

// Header is a header bucket or a COSE_Key. No label occurs twice.
type Header []Field

// readHeader reads a map of parameters in any order.
func readHeader(r *wire.Reader, what string) Header {
	n := r.Map(what, wire.MaxPairs)
	h := make(Header, 0, n)
	for ; n > 0 && r.Err() == nil; n-- {
		var f Field
		if r.Major() == wire.MajorText {
			f.Text = r.Text(what, maxHeader)
			if r.Err() == nil && f.Text == "" {
				r.Fail(what, "empty label", fault.Malformed)
			}
		} else {
			f.Label = r.Int(what)
		}
		if slices.ContainsFunc(h, f.sameLabel) {
			r.Fail(what, "label repeated", fault.Malformed)
		}
		if f.Value = r.Raw(what); len(f.Value) > maxHeader {
			r.Fail(what, "value too long", fault.OverLimit)
		}
		h = append(h, f)
	}
	if r.Err() != nil {
		return nil
	}
	return h
}

func (f Field) sameLabel(g Field) bool { return f.Label == g.Label && f.Text == g.Text }

// Find returns the encoded value of an integer label.
func (h Header) Find(label int64) ([]byte, bool) {
	for _, f := range h {
		if f.Label == label && f.Text == "" {
			return f.Value, true
		}
	}
	return nil, false
}

// Bytes returns the byte string at label. It is nil when the label is absent, and not nil when it is present.
func (h Header) Bytes(label int64) ([]byte, error) {
	raw, ok := h.Find(label)
	if !ok {
		return nil, nil
	}
	r := wire.NewReader(raw)
	return r.Bytes("value", maxHeader), parameterError(label, r.Err())
}

// Int returns the integer at label.
func (h Header) Int(label int64) (v int64, present bool, err error) {
	raw, ok := h.Find(label)
	if !ok {
		return 0, false, nil
	}
	r := wire.NewReader(raw)
	return r.Int("value"), true, parameterError(label, r.Err())
}

// Text returns the text string at label, "" when it is absent.
func (h Header) Text(label int64) (string, error) {
	raw, ok := h.Find(label)
	if !ok {
		return "", nil
	}
	r := wire.NewReader(raw)
	return r.Text("value", maxHeader), parameterError(label, r.Err())
}

// parameterError names the parameter whose value is wrong.
func parameterError(label int64, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("parameter %d: %w", label, err)
}

// carries reports whether the header has the label.
func (h Header) carries(label int64) bool {
	_, ok := h.Find(label)
	return ok
}

// has reports whether the header has exactly the given labels.
func (h Header) has(labels ...int64) bool {
	if len(h) != len(labels) {
		return false
	}
	for _, l := range labels {
		if _, ok := h.Find(l); !ok {
			return false
		}
	}
	return true
}

// IntField, BytesField and TextField make parameters for AppendHeader.
func IntField(label, v int64) Field { return Field{Label: label, Value: wire.AppendInt(nil, v)} }

// BytesField makes a parameter that holds a byte string.
func BytesField(label int64, b []byte) Field {
	return Field{Label: label, Value: wire.AppendBytes(nil, b)}
}

// TextField makes a parameter that holds a text string.
func TextField(label int64, s string) Field {
	return Field{Label: label, Value: wire.AppendText(nil, s)}
}

// AppendHeader appends the map of the given parameters, sorted by their encoded labels (RFC 8949 §4.2.1).
func AppendHeader(dst []byte, fields ...Field) []byte {
	sorted := slices.Clone(fields)
	slices.SortFunc(sorted, Field.compare)
	dst = wire.AppendHead(dst, wire.MajorMap, uint64(len(sorted)))
	for _, f := range sorted {
		if f.Text != "" {
			dst = wire.AppendText(dst, f.Text)
		} else {
			dst = wire.AppendInt(dst, f.Label)
		}
		dst = append(dst, f.Value...)
	}
	return dst
}

// compare orders fields as the encodings of their labels: integers from 0 up, then from -1 down, then texts, short ones
// first.
func (f Field) compare(g Field) int {
	return cmp.Or(
		cmp.Compare(len(f.Text), len(g.Text)),
		cmp.Compare(f.Text, g.Text),
		cmp.Compare(f.Label>>63&1, g.Label>>63&1),
		cmp.Compare(max(f.Label, -1-f.Label), max(g.Label, -1-g.Label)),
	)
}

// AppendProtected appends the serialized protected header {1: alg, 16: typ}, without typ when it is empty. It is the
// header of all hot forms, written without a detour.
func AppendProtected(dst []byte, alg int64, typ string) []byte {
	if typ == "" {
		return wire.AppendInt(append(dst, wire.MajorMap|1, HeaderAlg), alg)
	}
	dst = wire.AppendInt(append(dst, wire.MajorMap|2, HeaderAlg), alg)
	return wire.AppendText(append(dst, HeaderTyp), typ)
}

// protectedSize is the length of what AppendProtected appends, in bytes.
func protectedSize(alg int64, typ string) int {
	size := 2 + wire.IntSize(alg)
	if typ != "" {
		size += 1 + wire.HeadSize(uint64(len(typ))) + len(typ)
	}
	return size
}

// Buckets are the two headers of a message or recipient.
type Buckets struct {
	Raw         []byte // the protected header as it enters Enc_structure and Sig_structure: empty, or the received map
	Protected   Header
	Unprotected Header
	received    []byte // the protected header as it stands in the message; differs from Raw for h'a0'
}

// readBuckets reads and checks both headers (RFC 9052 §3): no label in both, crit only protected and only naming what is
// understood here, IV and Partial IV never together.
func readBuckets(r *wire.Reader) Buckets {
	var b Buckets
	raw := r.Bytes("protected header", maxHeader)
	if len(raw) > 0 {
		inner := wire.NewReader(raw)
		b.Protected = readHeader(&inner, "map")
		r.Adopt("protected header", inner.End("map"))
	}
	b.received = raw
	if len(b.Protected) > 0 { // h'a0' counts as empty (RFC 9052 §3)
		b.Raw = raw
	}
	b.Unprotected = readHeader(r, "unprotected header")
	if r.Err() == nil {
		b.check(r)
	}
	return b
}

func (b *Buckets) check(r *wire.Reader) {
	for _, f := range b.Unprotected {
		if slices.ContainsFunc(b.Protected, f.sameLabel) {
			r.Fail("unprotected header", "label is in both headers", fault.Malformed)
		}
	}
	if _, found := b.Unprotected.Find(HeaderCrit); found {
		r.Fail("unprotected header", "crit must be protected", fault.Malformed)
	}
	if raw, found := b.Protected.Find(HeaderCrit); found {
		b.checkCrit(r, raw)
	}
	_, iv := b.find(HeaderIV)
	_, partial := b.find(HeaderPartialIV)
	if iv && partial {
		r.Fail("header", "IV and Partial IV together", fault.Malformed)
	}
}

// checkCrit refuses a message that demands the understanding of a parameter which is absent or unknown here.
func (b *Buckets) checkCrit(r *wire.Reader, raw []byte) {
	crit := wire.NewReader(raw)
	n := crit.Array("crit", wire.MaxPairs)
	if n == 0 {
		crit.Fail("crit", "names nothing", fault.Malformed)
	}
	for ; n > 0 && crit.Err() == nil; n-- {
		if crit.Major() == wire.MajorText {
			crit.Fail("crit", "text labels are not understood", fault.UnsupportedVersion)
		}
		label := crit.Int("crit")
		if _, present := b.Protected.Find(label); crit.Err() == nil && !(present && understood(label)) {
			crit.Fail("crit", fmt.Sprintf("parameter %d is absent or not understood", label), fault.UnsupportedVersion)
		}
	}
	r.Adopt("protected header", crit.Err())
}

// understood reports whether this package acts on a parameter of a standard message. A typ is acted upon in own messages
// only, which have no crit.
func understood(label int64) bool {
	switch label {
	case HeaderAlg, HeaderCrit, HeaderKID, HeaderIV, HeaderPartialIV:
		return true
	}
	return false
}

func (b *Buckets) find(label int64) ([]byte, bool) {
	if v, ok := b.Protected.Find(label); ok {
		return v, true
	}
	return b.Unprotected.Find(label)
}

// Bytes returns the byte string at label from whichever bucket holds it, nil when none does.
func (b *Buckets) Bytes(label int64) ([]byte, error) {
	if v, err := b.Protected.Bytes(label); v != nil || err != nil {
		return v, err
	}
	return b.Unprotected.Bytes(label)
}

// Alg returns the algorithm. Only the protected header counts: an algorithm that anybody could have written is none.
func (b *Buckets) Alg() (int64, error) {
	alg, present, err := b.Protected.Int(HeaderAlg)
	if err == nil && !present {
		err = fmt.Errorf("no algorithm in the protected header: %w", fault.Malformed)
	}
	return alg, err
}
