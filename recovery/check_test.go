package recovery

import "testing"

// The check symbol is a sum of one term for each data symbol and one for the group. The properties below look at one or
// two terms at a time: this makes them hold whatever the other symbols are.
func TestCheckSymbolIsASumOfItsTerms(t *testing.T) {
	var zero [dataSize]byte
	var term [dataSize][32]byte
	for i := range term {
		for s := range term[i] {
			data := zero
			data[i] = byte(s)
			term[i][s] = checkSymbol(1, data) ^ checkSymbol(1, zero)
		}
	}
	for g := 1; g <= Groups; g++ {
		place := checkSymbol(g, zero)
		for n := range 1 << (5 * dataSize) {
			data := [dataSize]byte{byte(n & 31), byte(n >> 5 & 31), byte(n >> 10 & 31), byte(n >> 15)}
			want := place
			for i, s := range data {
				want ^= term[i][s]
			}
			if checkSymbol(g, data) != want {
				t.Fatalf("group %d, data %v", g, data)
			}
		}
	}
}

// sound is a group of the given data, whole in place g.
func sound(g int, data [dataSize]byte) []byte { return append(data[:], checkSymbol(g, data)) }

func TestEverySingleWrongCharacterIsFound(t *testing.T) {
	for g := 1; g <= Groups; g++ {
		for i := range groupSize {
			for s := range byte(32) {
				group := sound(g, [dataSize]byte{})
				if group[i] != s {
					group[i] = s
					if checks(g, group) {
						t.Errorf("group %d: position %d may be %d", g, i+1, s)
					}
				}
			}
		}
	}
}

// What is not of the alphabet is no symbol, whatever symbol should stand there.
func TestEveryForeignCharacterIsFound(t *testing.T) {
	for i := range groupSize {
		for n := range 1 << 10 {
			data := [dataSize]byte{byte(n & 31), byte(n >> 5)}
			if i < dataSize {
				data[i] = byte(n & 31)
			}
			group := sound(1, data)
			group[i] = noSymbol
			if checks(1, group) {
				t.Fatalf("data %v: position %d may be foreign", data, i+1)
			}
		}
	}
}

// Two symbols in two of the four data positions, or one in a data position whose check symbol changes places with it: all
// of them, the two others zero.
func TestEverySwapOfTwoCharactersInAGroupIsFound(t *testing.T) {
	for g := 1; g <= Groups; g++ {
		for i := range groupSize {
			for j := range i {
				for n := range 1 << 10 {
					var data [dataSize]byte
					data[j] = byte(n & 31)
					if i < dataSize {
						data[i] = byte(n >> 5)
					} else {
						data[(j+1)%dataSize] = byte(n >> 5) // so that the check symbol takes every value
					}
					group := sound(g, data)
					group[i], group[j] = group[j], group[i]
					if group[i] != group[j] && checks(g, group) {
						t.Fatalf("group %d of data %v: positions %d and %d may change places", g, data, i+1, j+1)
					}
				}
			}
		}
	}
}

func TestEverySwapOfTwoGroupsIsFound(t *testing.T) {
	for g := 1; g <= Groups; g++ {
		for h := 1; h < g; h++ {
			if checks(h, sound(g, [dataSize]byte{})) || checks(g, sound(h, [dataSize]byte{})) {
				t.Errorf("a group may stand in place %d and in place %d", g, h)
			}
		}
	}
}
