package wire

// Skeleton returns the form that two names share when people may take one for the other.
func Skeleton(name string) string { return NameKey(name) }
