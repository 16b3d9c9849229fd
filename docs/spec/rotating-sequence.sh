#!/bin/sh
# The ports of a rotating sequence, as docs/spec/rotating-sequence.md says (version 1), with openssl.
#
#   knock your.server $(rotating-sequence.sh -k FILE -d DOOR)
#
# -k FILE      key file (-: standard input)       -s STEPS      number of steps, 4
# -d DOOR      name of the door                   -p SECONDS    length of a period, 30
# -n NAME      whose key, if there are several    -r LOW-HIGH   range of ports, 20000-60000
# -g           print the guard ports instead      -o PROTOCOL   tcp, udp or mixed; tcp
# -N NUMBER    number of the period; default: the one that is now
#
# The key is only ever in this shell and in pipes: on no command line, in no environment and in no file.
# That needs a shell with a printf of its own, as dash, busybox, bash, ksh and zsh have.

set -euf
LC_ALL=C
export LC_ALL
unset -v rs_key rs_inner rs_outer rs_line # whoever called may have exported them

die() {
    printf 'rotating-sequence: %s\n' "$1" >&2
    exit 1
}

# is_number TEXT LOW HIGH: decimal digits without a leading zero, and in the range.
is_number() {
    case $1 in
    '' | *[!0-9]* | 0?*) return 1 ;;
    esac
    [ ${#1} -le 16 ] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_day() {
    case $1 in
    [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;;
    *) return 1 ;;
    esac
    year=${1%%-*} month=${1#*-}
    day=${month#*-} month=${month%-*}
    while :; do # 0 in front would be octal
        case $year in
        0?*) year=${year#0} ;;
        *) break ;;
        esac
    done
    month=${month#0} day=${day#0}
    case $month in
    4 | 6 | 9 | 11) days=30 ;;
    2)
        days=28
        if [ $((year % 4)) -eq 0 ] && { [ $((year % 100)) -ne 0 ] || [ $((year % 400)) -eq 0 ]; }; then
            days=29
        fi
        ;;
    *) days=31 ;;
    esac
    is_number "$month" 1 12 && is_number "$day" 1 "$days"
}

alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/

# decode_key TEXT: sets the inner and the outer block of HMAC from base64 of 32 bytes, as octal escapes.
decode_key() {
    case $1 in
    *[!A-Za-z0-9+/=]* | *=?*) return 1 ;;
    *=) ;;
    *) return 1 ;;
    esac
    [ ${#1} -eq 44 ] || return 1
    rs_line=${1%=}
    rs_inner='' rs_outer=''
    held=0 bits=0 bytes=0
    while [ -n "$rs_line" ]; do
        after=${rs_line#?}
        before=${alphabet%%"${rs_line%"$after"}"*}
        rs_line=$after
        held=$((held * 64 + ${#before})) bits=$((bits + 6))
        if [ $bits -ge 8 ]; then
            bits=$((bits - 8))
            add_byte $((held >> bits))
            held=$((held & ((1 << bits) - 1))) bytes=$((bytes + 1))
        fi
    done
    [ $held -eq 0 ] || return 1
    while [ $bytes -lt 64 ]; do
        add_byte 0
        bytes=$((bytes + 1))
    done
}

add_byte() {
    add=$(($1 ^ 0x36))
    rs_inner="$rs_inner\\0$((add / 64))$((add / 8 % 8))$((add % 8))"
    add=$(($1 ^ 0x5c))
    rs_outer="$rs_outer\\0$((add / 64))$((add / 8 % 8))$((add % 8))"
}

# read_keys: reads a key file from standard input; the key that was asked for is in rs_key then.
read_keys() {
    number=0 size=0 names=' ' count=0
    rs_key='' rs_keys=' '
    tab=$(printf '\t') return=$(printf '\r')
    while IFS= read -r rs_line || [ -n "$rs_line" ]; do
        number=$((number + 1)) size=$((size + ${#rs_line} + 1))
        rs_line=${rs_line%"$return"}
        case $rs_line in
        *[!\ -~"$tab"]*) die "line $number: expected ASCII characters" ;;
        '#'*) continue ;;
        esac
        IFS=" $tab"
        # shellcheck disable=SC2086 # into words, and set -f keeps them from being names of files
        set -- $rs_line
        unset IFS
        [ $# -ge 2 ] && [ $# -le 3 ] || die "line $number: expected NAME KEY, perhaps with expires=YYYY-MM-DD"
        case $1 in
        *[!A-Za-z0-9_@.-]* | [.-]*) die "line $number: expected a name of letters, digits and _ @ . -" ;;
        esac
        [ ${#1} -le 64 ] || die "line $number: expected a name of at most 64 characters"
        case $names in
        *" $1 "*) die "line $number: $1 is there twice" ;;
        esac
        decode_key "$2" || die "line $number: expected base64 of 32 bytes behind the name"
        case $rs_keys in
        *" $2 "*) die "line $number: the key of $1 is there twice" ;;
        esac
        rs_keys="$rs_keys$2 "
        if [ $# -eq 3 ]; then
            case $3 in
            expires=*) is_day "${3#expires=}" || die "line $number: expected expires=YYYY-MM-DD" ;;
            *) die "line $number: expected expires=YYYY-MM-DD behind the key" ;;
            esac
        fi
        names="$names$1 " count=$((count + 1))
        if [ "$name" = "$1" ] || [ -z "$name" ]; then
            rs_key=$2
        fi
    done
    rs_line='' rs_keys=''
    [ $size -le 65537 ] || die "expected at most 65536 bytes"
    [ $count -ge 1 ] || die "expected a line NAME KEY, got none"
    [ $count -le 32 ] || die "expected at most 32 keys, got $count"
    [ -n "$rs_key" ] || die "there is no key of $name; there are:$names"
    [ -n "$name" ] || [ $count -eq 1 ] || die "there are several keys, choose one with -n:$names"
    decode_key "$rs_key"
    rs_key=''
}

# print_block COUNTER: HMAC-SHA-256 in hex, and behind it what openssl calls standard input.
print_block() {
    {
        printf %b "$rs_outer"
        {
            printf %b "$rs_inner"
            printf '%s\n%s\n%s\n%s' rotating-sequence-1 "$door" "$period" "$1"
        } | openssl dgst -sha256 -binary
    } | openssl dgst -sha256 -r
}

# print_ports: all ports of the period, a line each.
print_ports() {
    span=$((high - low + 1))
    rest=$(((2147483647 % span + 1) % span))
    chosen=' ' found=0 counter=0
    while :; do
        block=$(print_block $counter)
        block=${block%% *}
        [ ${#block} -eq 64 ] || die "openssl dgst gave no SHA-256"
        while [ -n "$block" ]; do
            after=${block#????????}
            word=${block%"$after"}
            block=$after
            first=${word%???????}
            case $first in
            [0-7]) bit=0 n=$((0x$word)) ;;
            *) bit=1 n=$((0x$((0x$first - 8))${word#?})) ;;
            esac
            [ $n -le $((2147483647 - rest)) ] || continue
            port=$((low + n % span))
            case $chosen in
            *" $((port - 1)) "* | *" $port "* | *" $((port + 1)) "*) continue ;;
            esac
            chosen="$chosen$port " found=$((found + 1))
            case $protocol$bit in
            udp? | mixed1) echo "$port:udp" ;;
            *) echo "$port:tcp" ;;
            esac
            [ $found -lt $((steps + 8)) ] || return 0
        done
        counter=$((counter + 1))
    done
}

file='' door='' name='' steps=4 seconds=30 range=20000-60000 protocol=tcp period='' guards=''
while getopts k:d:n:s:p:r:o:N:g option; do
    case $option in
    k) file=$OPTARG ;;
    d) door=$OPTARG ;;
    n) name=$OPTARG ;;
    s) steps=$OPTARG ;;
    p) seconds=$OPTARG ;;
    r) range=$OPTARG ;;
    o) protocol=$OPTARG ;;
    N) period=$OPTARG ;;
    g) guards=yes ;;
    *) die "usage: rotating-sequence.sh -k FILE -d DOOR [-n NAME] [-s STEPS] [-p SECONDS] [-r LOW-HIGH] [-o PROTOCOL] [-N NUMBER] [-g]" ;;
    esac
done
[ $OPTIND -gt $# ] || die "expected options only"
[ -n "$file" ] || die "expected -k FILE, the key file"
[ ${#door} -ge 1 ] && [ ${#door} -le 128 ] || die "expected -d DOOR, a name of 1 to 128 bytes"
case $door in
*[[:cntrl:]]*) die "-d: expected a name without control characters" ;;
esac
is_number "$steps" 3 16 || die "-s: expected 3 to 16 steps, got $steps"
is_number "$seconds" 10 3600 || die "-p: expected 10 to 3600 seconds, got $seconds"
low=${range%%-*} high=${range#*-}
is_number "$low" 1 65535 && is_number "$high" 1 65535 && [ $((high - low + 1)) -ge 1024 ] ||
    die "-r: expected LOW-HIGH with at least 1024 ports, got $range"
case $protocol in
tcp | udp | mixed) ;;
*) die "-o: expected tcp, udp or mixed, got $protocol" ;;
esac
[ -n "$period" ] || period=$(($(date +%s) / seconds))
is_number "$period" 0 9007199254740991 || die "expected a period from 0 to 9007199254740991, got $period"
case $(command -v printf) in
printf) ;;
*) die "this shell runs another program for printf, which would show the key to everybody; take dash or bash" ;;
esac
command -v openssl >/dev/null || die "openssl is missing"

if [ "$file" = - ]; then
    read_keys
else
    case $(ls -lnL -- "$file") in
    -???------*) ;;
    '') exit 1 ;;
    *) die "others than its owner may use $file, run chmod 600 on it" ;;
    esac
    read_keys <"$file"
fi
ports=$(print_ports)
number=0
line=''
for port in $ports; do
    number=$((number + 1))
    if [ $number -le "$steps" ]; then
        [ -n "$guards" ] || line="$line $port"
    elif [ -n "$guards" ]; then
        line="$line $port"
    fi
done
printf '%s\n' "${line# }"
