package coseimpl

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/sottokit/sotto/internal/wire"
)

func TestHeadersAreWrittenInDeterministicOrder(t *testing.T) {
	label := rapid.OneOf(rapid.Int64Range(-300, 300), rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		var fields []Field
		same := map[int64]bool{}
		for _, l := range rapid.SliceOfN(label, 0, 20).Draw(t, "labels") {
			if !same[l] {
				same[l] = true
				fields = append(fields, IntField(l, 0))
			}
		}
		texts := map[string]bool{}
		for _, s := range rapid.SliceOfN(rapid.StringMatching("[a-c]{1,30}"), 0, 10).Draw(t, "texts") {
			if !texts[s] {
				texts[s] = true
				fields = append(fields, Field{Text: s, Value: []byte{0}})
			}
		}
		if h := AppendHeader(nil, fields...); !wire.Deterministic(h) {
			t.Fatalf("%x", h)
		}
	})
}
