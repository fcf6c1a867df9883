package main

import "testing"

func TestSize(t *testing.T) {
	for text, want := range map[string]size{"0": 0, "100": 100, "64k": 64 << 10, "64K": 64 << 10,
		"3M": 3 << 20, "2g": 2 << 30, "7T": 7 << 40, "8388607T": 8388607 << 40} {
		var got size
		if err := got.Set(text); err != nil || got != want {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "M", "-1", "1.5G", "64MB", "1 M", "8388608T", "99999999999999999999"} {
		got := size(5)
		if err := got.Set(text); err == nil || got != 5 {
			t.Errorf("%q: %d, %v, want an error", text, got, err)
		}
	}
}
