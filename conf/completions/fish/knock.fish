# Made by python -m knockd_packages.completions from the program's own parser.

function __knock_profile
    sed -n 's/^[[:space:]]*\[[[:space:]]*\([^]:[:space:]]*\).*/\1/p' (set -q XDG_CONFIG_HOME; and echo $XDG_CONFIG_HOME; or echo ~/.config)/knock/config 2>/dev/null
end

complete -c knock -f
complete -c knock -s u -l udp -d 'make all ports hits use UDP (default is TCP)'
complete -c knock -s d -l delay -x -d 'wait t milliseconds between port hits'
complete -c knock -s 4 -l ipv4 -d 'Force usage of IPv4'
complete -c knock -s 6 -l ipv6 -d 'Force usage of IPv6'
complete -c knock -l both -d 'knock at the host\'s IPv4 and its IPv6 address'
complete -c knock -l verify -x -d 'wait until this TCP port answers, else knock again'
complete -c knock -l tries -x -d 'knock at most n times (default is 3)'
complete -c knock -l if-needed -d 'do not knock when that port answers already'
complete -c knock -l list -d 'list the profiles'
complete -c knock -l import -x -d 'make a profile of a knock:// URI (-: of standard input)'
complete -c knock -s v -l verbose -d 'be verbose'
complete -c knock -s V -l version -d 'display version'
complete -c knock -s h -l help -d 'this help'
complete -c knock -l key -r -F -d 'rotating sequences'
complete -c knock -l door -x -d 'rotating sequences'
complete -c knock -l name -x -d 'rotating sequences'
complete -c knock -l steps -x -d 'rotating sequences'
complete -c knock -l period -x -d 'rotating sequences'
complete -c knock -l ports -x -d 'rotating sequences'
complete -c knock -l protocol -x -d 'rotating sequences'
complete -c knock -l wait -d 'rotating sequences'
complete -c knock -l signed -x -d 'signed knocks'
complete -c knock -l secret -r -F -d 'signed knocks'
complete -c knock -s k -l identity -r -F -d 'signed knocks'
complete -c knock -l bind -x -d 'signed knocks'
complete -c knock -l renew -d 'signed knocks'
complete -c knock -l close -d 'signed knocks'
complete -c knock -l sequence-file -r -F -d 'one-time sequences'
complete -c knock -l mark -d 'one-time sequences'
complete -c knock -l flags -x -d 'TCP packets with other flags'
complete -c knock -n 'not contains -- -- (commandline -opc)' -a '(__knock_profile)'

function __knock_command
    set -l words (commandline -opc)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end
complete -c knock -n 'contains -- -- (commandline -opc)' -a '(__knock_command)'
