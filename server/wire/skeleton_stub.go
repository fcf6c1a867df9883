package wire

import "strings"

var alike = strings.NewReplacer("а", "a", "е", "e", "о", "o", "р", "p", "с", "c", "у", "y", "х", "x")

// Skeleton returns the form that two names share when people may take one for the other.
func Skeleton(name string) string { return alike.Replace(NameKey(name)) }
