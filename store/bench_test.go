package store_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/sottokit/sotto/internal/ratio"
	"github.com/sottokit/sotto/store"
)

// BenchmarkUpdate writes 100 values of 200 bytes to memory. Bare is what sealing them cannot do without: for each two HMACs,
// an AES key, an IV, a ciphertext.
func BenchmarkUpdate(b *testing.B) {
	d, value := open(b, store.Memory()), make([]byte, 200)
	ratio.Run(b, func() {
		update(b, d, func(tx *store.Tx) error {
			for i := range uint64(100) {
				tx.Put(note(i, "conversation"), value)
			}
			return nil
		})
	}, func() {
		for range 100 {
			sealBare(b, value)
		}
	})
}

// BenchmarkView reads one of 100 values of 200 bytes. Bare is as in BenchmarkUpdate, for the schema record and the value.
func BenchmarkView(b *testing.B) {
	d, value := open(b, store.Memory()), make([]byte, 200)
	update(b, d, func(tx *store.Tx) error {
		for i := range uint64(100) {
			tx.Put(note(i, "conversation"), value)
		}
		return nil
	})
	ratio.Run(b, func() {
		err := d.View(b.Context(), func(tx *store.Tx) error {
			_, _, err := tx.Get(note(50, "conversation"))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}, func() {
		for range 2 {
			sealBare(b, value)
		}
	})
}

func sealBare(b *testing.B, value []byte) {
	key := make([]byte, 32)
	for range 2 {
		h := hmac.New(sha256.New, key)
		h.Write(key)
		key = h.Sum(nil)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		b.Fatal(err)
	}
	iv := make([]byte, 12)
	rand.Read(iv)
	aead.Seal(nil, iv, value, nil)
}
