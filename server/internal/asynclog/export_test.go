package asynclog

// Accounts returns how many sources have an account.
func Accounts(b *Budget) int { return len(b.each) }
