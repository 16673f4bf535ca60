package wire

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/sottokit/sotto/fault"
)

// Marshal encodes a cold structure in core deterministic form (RFC 8949 §4.2.1). v is one of sotto's own structs with
// integer keys, so encoding cannot fail but for a defect in sotto itself.
func Marshal(v any) ([]byte, error) {
	mode, err := encoder()
	if err != nil {
		return nil, err
	}
	return mode.Marshal(v)
}

// Unmarshal decodes b, of at most limit bytes, into v and refuses everything that Marshal would not have written: after
// decoding, v is encoded again and compared.
func Unmarshal(what string, b []byte, limit int, v any) error {
	if len(b) > limit {
		return fmt.Errorf("%s of %d bytes: %w", what, len(b), fault.OverLimit)
	}
	mode, err := decoder()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: not the expected structure: %w", what, fault.Malformed) // cbor's text may quote the input
	}
	again, err := Marshal(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%s: not in deterministic form: %w", what, fault.Malformed)
	}
	return nil
}

var encoder = sync.OnceValues(func() (cbor.EncMode, error) {
	o := cbor.CoreDetEncOptions()
	o.NilContainers = cbor.NilContainerAsEmpty // a null where bytes are expected then fails the comparison
	o.TagsMd = cbor.TagsForbidden
	return o.EncMode()
})

var decoder = sync.OnceValues(func() (cbor.DecMode, error) {
	return cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   MaxDepth,
		MaxArrayElements:  MaxItems,
		MaxMapPairs:       MaxPairs,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
})
