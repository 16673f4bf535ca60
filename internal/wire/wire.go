// Package wire holds the encoding rules of sotto: deterministic CBOR out, strict CBOR in.
//
// Hot structures are written with the Append functions and read with a Reader; cold ones go through Marshal and
// Unmarshal. Both refuse what RFC 8949 §4.2.1 would not write (indefinite lengths, heads that are not the shortest,
// duplicate keys, trailing bytes), and both check a limit before they allocate. The order of map keys is checked by
// Unmarshal only: own formats have one order, standard COSE from elsewhere may have any.
package wire

// Limits of the decoders, checked before anything is allocated.
const (
	MaxDepth = 8    // nested arrays, maps and tags
	MaxPairs = 64   // pairs of a map
	MaxItems = 1024 // elements of an array that is skipped or decoded as a cold structure
)
