// The functions of the measurement as a module in C exports them, with plain
// values: see "Functions on executors" in abi/README.md.

__attribute__((export_name("triple"))) long long triple(long long n) { return 3 * n + 7; }

// vowels counts the letters a, e, i, o and u.
__attribute__((export_name("vowels"))) long long vowels(const unsigned char *text, int length) {
    long long n = 0;
    for (int i = 0; i < length; i++) {
        switch (text[i]) {
        case 'a': case 'e': case 'i': case 'o': case 'u':
            n++;
        }
    }
    return n;
}

static unsigned char buffer[1 << 20];

__attribute__((export_name("sparkstalk_udf_buffer"))) void *room(int size) {
    return size <= (int)sizeof buffer ? buffer : 0;
}
