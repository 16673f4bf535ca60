package cose

// SetSeals sets how many messages k has sealed, which no test can reach by sealing.
func SetSeals(k *Key, n uint64) { k.seals.Store(n) }

// WrapBytes wraps what need not be a key.
func WrapBytes(k *Key, coseKey []byte) ([]byte, error) { return k.wrap(coseKey, nil) }
