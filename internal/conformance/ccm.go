package conformance

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"slices"
)

// ccm is AES-CCM (RFC 3610, NIST SP 800-38C). The published COSE vectors need it; sotto itself has no use for it, so it
// lives here alone. As with every cipher.AEAD, nonces have NonceSize bytes.
type ccm struct {
	block      cipher.Block
	lengthSize int // L of RFC 3610 §2: bytes of the length field, 2 to 8
	tagSize    int // M of RFC 3610 §2
}

// newCCM returns the constructor for one choice of L and M.
func newCCM(lengthSize, tagSize int) func(key []byte) (cipher.AEAD, error) {
	return func(key []byte) (cipher.AEAD, error) {
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		return &ccm{block, lengthSize, tagSize}, nil
	}
}

var errCCM = errors.New("AES-CCM: message authentication failed")

func (c *ccm) NonceSize() int { return 15 - c.lengthSize }
func (c *ccm) Overhead() int  { return c.tagSize }

// fits reports whether a text of n bytes can be told in the length field.
func (c *ccm) fits(n int) bool { return c.lengthSize >= 4 || uint64(n)>>(8*c.lengthSize) == 0 }

// Seal encrypts a text that fits: the callers here seal only what Open has given out before.
func (c *ccm) Seal(dst, nonce, plaintext, aad []byte) []byte {
	tag := c.mac(nonce, plaintext, aad)
	stream := c.stream(nonce, &tag)
	start, n := len(dst), len(plaintext)
	dst = slices.Grow(dst, n+c.tagSize)[:start+n+c.tagSize]
	stream.XORKeyStream(dst[start:start+n], plaintext)
	copy(dst[start+n:], tag[:])
	return dst
}

func (c *ccm) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	n := len(ciphertext) - c.tagSize
	if len(nonce) != c.NonceSize() || n < 0 || !c.fits(n) {
		return nil, errCCM
	}
	var mask [aes.BlockSize]byte
	stream := c.stream(nonce, &mask)
	start := len(dst)
	dst = slices.Grow(dst, n)[:start+n]
	plaintext := dst[start:]
	sent := slices.Clone(ciphertext[n:]) // plaintext may be decrypted in place
	stream.XORKeyStream(plaintext, ciphertext[:n])
	tag := c.mac(nonce, plaintext, aad)
	subtle.XORBytes(tag[:], tag[:], mask[:])
	if subtle.ConstantTimeCompare(tag[:c.tagSize], sent) != 1 {
		clear(plaintext)
		return nil, errCCM
	}
	return dst, nil
}

// stream returns the key stream from S_1 on, after it masked the tag with S_0 (RFC 3610 §2.3). The counter is the end of
// the block; it does not run over into the nonce, for the text fits.
func (c *ccm) stream(nonce []byte, tag *[aes.BlockSize]byte) cipher.Stream {
	var a [aes.BlockSize]byte
	a[0] = byte(c.lengthSize - 1)
	copy(a[1:], nonce[:c.NonceSize()])
	stream := cipher.NewCTR(c.block, a[:])
	stream.XORKeyStream(tag[:], tag[:])
	return stream
}

// mac is the CBC-MAC of RFC 3610 §2.2 over B_0, the additional data and the text.
func (c *ccm) mac(nonce, plaintext, aad []byte) [aes.BlockSize]byte {
	var b [aes.BlockSize]byte
	binary.BigEndian.PutUint64(b[8:], uint64(len(plaintext)))
	copy(b[1:], nonce[:c.NonceSize()])
	b[0] = byte(c.tagSize-2)/2<<3 | byte(c.lengthSize-1)
	if len(aad) > 0 {
		b[0] |= 1 << 6
	}
	m := cbcMAC{block: c.block}
	m.write(b[:])
	if n := len(aad); n > 0 {
		if n < 0xff00 {
			m.write(binary.BigEndian.AppendUint16(nil, uint16(n)))
		} else {
			m.write(binary.BigEndian.AppendUint32([]byte{0xff, 0xfe}, uint32(n)))
		}
		m.write(aad)
		m.pad()
	}
	m.write(plaintext)
	m.pad()
	return m.x
}

type cbcMAC struct {
	block cipher.Block
	x     [aes.BlockSize]byte
	n     int // bytes of the block under way
}

func (m *cbcMAC) write(b []byte) {
	for _, v := range b {
		m.x[m.n] ^= v
		if m.n++; m.n == aes.BlockSize {
			m.flush()
		}
	}
}

// pad completes the block under way with zeros.
func (m *cbcMAC) pad() {
	if m.n > 0 {
		m.flush()
	}
}

func (m *cbcMAC) flush() {
	m.block.Encrypt(m.x[:], m.x[:])
	m.n = 0
}
