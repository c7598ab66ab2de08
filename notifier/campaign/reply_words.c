/*
 * notifier/campaign/reply_words.c: the function words of the grammar, by kind.
 *
 * Words of a campaign (categories, measures, materials, units) are not here: they come from its definition.
 * The longest word at a place wins, so a word is often here only to keep a shorter one from being read in
 * it: 感谢提醒 is no wish to be reminded. Each word belongs to one kind (a counter may be another word too).
 */
#include "core/base/err.h"
#include "notifier/campaign/reply_internal.h"

/* clang-format off */
static const char *const vague_words[] = {
	"个",
};
static const char *const counter_words[] = {
	"份", "项", "天", "次", "张", "套", "批", "页", "册", "条", "件", "起", "组", "类", "种", "年",
	"月", "周", "小时", "个小时", "分钟", "点", "点半", "万", "元", "岁", "%", "个工作日", "工作日",
	"个月", "分", "兆", "例", "宗",
};
static const char *const filler_words[] = {
	"我们", "咱们", "我", "目前", "目前为止", "到目前为止", "截至目前", "截止目前", "截至到目前",
	"截止到目前", "截至", "截至到", "截止到", "现在", "现", "一下", "一并", "一起", "一共", "总共",
	"共", "共计", "合计", "总计", "累计", "计", "分别", "是", "为", "有", "了", "的", "啊", "哦", "噢",
	"呀", "啦", "嘛", "哈", "请", "也", "就", "先", "于", "向", "给", "把", "将", "在", "和", "及",
	"与", "以及", "并", "且", "并且", "跟", "通知", "文件", "短信", "消息", "信息", "数据", "数量",
	"数", "名单", "人选", "候选人", "对象", "典型", "先进典型", "情况", "上午", "下午", "早上", "中午",
	"晚上", "今", "本次", "此次", "这次", "相关", "有关", "所有", "各项", "各类", "两类", "这边",
	"那边", "这里", "一式三份", "正式", "统计", "汇报", "报告", "回复", "如下", "具体", "单位", "内容",
	"指示", "精神", "方面", "部门", "民政局", "民政厅", "文明办", "组委会", "办公室", "活动办", "盟里",
	"市里", "上级", "最新", "最终", "第一时间", "同时", "实际", "只", "仅", "才", "刚刚", "刚",
	"按要求", "按通知", "按时", "其余", "本周", "本月", "还", "负责", "负责人", "由", "中", "止", "即",
	"每户", "为止",
};
static const char *const self_words[] = {
	"我市", "我盟", "我旗", "我县", "我区", "我单位", "我局", "我厅", "我委", "我办", "我处", "我街道",
	"我方", "本市", "本盟", "本旗", "本县", "本区", "本单位", "本局", "本地", "我们市", "我们盟",
	"我们旗", "我们县", "我们区", "我们单位", "全市", "全盟", "全旗", "全县",
};
static const char *const already_all_words[] = {
	"都", "均", "全", "全部",
};
static const char *const already_done_words[] = {
	"已", "已经", "业已", "均已", "都已", "现已", "已全部", "已于", "全部已", "均已经", "都已经",
	"已经全部",
};
static const char *const verb_bare_words[] = {
	"报送", "上报", "报", "申报", "推荐", "推报", "填报", "呈报", "报上", "推选",
};
static const char *const verb_done_words[] = {
	"已报送", "已上报", "已报", "已报了", "已经报送", "已经上报", "已经报", "已报送了", "已上报了",
	"报送了", "上报了", "报了", "报上了", "报上去了", "报过了", "报出", "共报送", "共上报", "共报",
	"共推荐", "总共报", "已推荐", "推荐了", "已申报", "申报了", "已推报", "已填报", "已报上", "已呈报",
	"已推选", "共报了", "一共报了", "累计报送", "累计上报", "累计报", "合计报送",
};
static const char *const verb_bare_typed_wrong_words[] = {
	"抱", "上抱", "抱送",
};
static const char *const verb_done_typed_wrong_words[] = {
	"已抱", "以报", "己报", "巳报", "以抱", "己抱", "巳抱", "以报送", "己报送", "巳报送", "以抱送",
	"己抱送", "巳抱送", "已抱送", "以上报", "己上报", "巳上报", "抱了",
};
static const char *const delta_words[] = {
	"又", "再", "又再", "增加", "增加了", "新增", "新增了", "新增加", "加报", "增报", "另报", "另外",
	"另", "另有", "再次", "追加", "补报", "补报了", "又报", "又报了", "再报", "再报送", "又报送",
	"又报送了", "还报了", "多加", "添加", "加上", "再加",
};
static const char *const correct_words[] = {
	"更正", "更正为", "更正如下", "改为", "改成", "改报", "改报为", "不对", "不对不对", "说错了",
	"说错", "报错了", "报错", "写错了", "写错", "打错了", "打错", "发错了", "发错", "填错了", "纠正",
	"订正", "修正", "修正为", "修改", "修改为", "更改", "更改为", "变更为", "调整为", "更新为", "应为",
	"应是", "应该是", "应该为", "实为", "实际为", "实际是", "有误", "错了", "搞错了", "弄错了",
	"刚才报错了", "刚才说错了",
};
static const char *const neg_words[] = {
	"没", "没有", "未", "尚未", "还没", "还没有", "还未", "不", "无", "并未", "并没有", "从未", "未能",
	"别", "非", "并非", "不是", "没能", "不用", "不要", "不能", "无法", "不会", "负",
};
static const char *const hedge_words[] = {
	"要求", "按规定应", "基本", "基本上", "差不多", "快", "快要", "即将", "大部分", "大部", "部分",
	"大都", "大致", "马上", "立即", "尽快", "正在", "正", "准备", "争取", "待", "等", "稍后", "一会",
	"一会儿", "等会", "还要", "需要", "需", "要", "想", "希望", "应该", "会", "将要", "随后", "后续",
	"陆续", "近期", "近日",
};
static const char *const unsure_words[] = {
	"左右", "上下", "以上", "以下", "不到", "至少", "最少", "最多", "不超过", "超过", "将近", "接近",
	"各", "每", "少报", "少报了", "多报", "多报了", "漏报", "漏报了", "误报", "误报了", "重报", "重复",
	"退回", "若", "如果", "假如", "要是", "或", "或者", "吧", "似乎", "好像", "可能", "其中", "原",
	"原来", "原报", "原先", "减少", "减", "减去", "去掉", "取消", "删除", "撤", "不算", "几乎", "十几",
	"百分之", "一半", "多", "余", "来",
};
static const char *const except_words[] = {
	"除", "除了", "除外", "以外", "之外",
};
static const char *const gap_words[] = {
	"还差", "还缺", "还少", "还欠", "差", "缺", "缺少", "少", "欠", "欠缺", "尚缺", "尚差", "尚欠",
	"只差", "就差", "仅差", "仅缺", "只缺", "就缺", "差了", "缺了", "少了", "还差着", "待补", "后补",
	"需补", "还需", "还需要", "还要补", "需要补", "就剩", "只剩", "还剩",
};
static const char *const materials_words[] = {
	"材料", "资料", "申报材料", "推荐材料", "报送材料", "全部材料", "所有材料", "相关材料", "上报材料",
	"申报资料",
};
static const char *const complete_words[] = {
	"齐", "齐了", "齐全", "齐全了", "齐备", "齐备了", "备齐", "备齐了", "备好", "备好了", "准备好了",
	"准备好", "准备齐了", "准备齐", "准备齐全", "准备齐全了", "准备完毕", "准备完了", "交齐", "交齐了",
	"报齐", "报齐了", "补齐", "补齐了", "凑齐", "凑齐了", "收齐", "收齐了", "完整", "完备", "配齐",
	"配齐了", "弄好了", "整理好了", "整好了", "搞好了", "做好了", "弄齐了", "整理完毕", "已齐",
};
static const char *const arrived_words[] = {
	"到了", "已到", "已补", "补了", "补上", "补上了", "已补上", "有了", "已交", "交了", "已有", "到位",
	"到位了", "已到位", "拿到了", "已上传", "上传了", "已补交", "补交了", "已补充", "已盖章", "盖章了",
	"已盖好章", "盖好章了", "做完了", "已完善",
};
static const char *const quality_words[] = {
	"不够", "不合格", "不清楚", "不清晰", "不清", "太小", "偏小", "模糊", "不达标", "不符合要求",
	"不符合", "不规范", "像素低", "像素不够", "大小不够", "不合规", "太模糊", "过小", "尺寸不对",
	"底色不对", "格式不对",
};
static const char *const seal_words[] = {
	"章", "公章", "盖章", "印章", "签字", "签名", "签章",
};
static const char *const notice_words[] = {
	"公示", "正在公示", "公示期", "公示期间", "公示期内", "公示时间", "公示日期", "公示中", "已公示",
	"公示了", "公示期为", "公示时间为", "街道公示", "社区公示", "开始公示", "公式",
};
static const char *const start_words[] = {
	"开始", "起", "启动", "张贴", "贴出", "贴了", "挂网", "已张贴", "开始了",
};
static const char *const end_words[] = {
	"结束", "结束了", "完了", "完毕", "期满", "已满", "到期", "到期了", "已结束", "已期满", "满了",
	"完成", "完成了", "已完成", "期满了", "已到期", "已完毕", "满",
};
static const char *const objection_words[] = {
	"异议", "反对意见", "举报", "投诉", "不同意见",
};
static const char *const no_objection_words[] = {
	"无异议", "没有异议", "没异议", "无任何异议", "没有任何异议", "未收到异议", "没收到异议",
	"没有收到异议", "未收到任何异议", "没收到任何异议", "没有收到任何异议", "未接到异议",
	"未接到任何异议", "无举报", "没有举报", "未收到举报", "零异议", "无人提出异议", "无异意",
	"均无异议", "未收到反对意见", "未有异议", "无不同意见",
};
static const char *const discipline_words[] = {
	"纪委", "纪检", "纪检委", "纪检监察", "纪检监察部门", "纪检监察机关", "纪委监委", "纪检部门",
	"纪委部门", "监委", "征求意见函", "前置审核", "纪律审查",
};
static const char *const replied_words[] = {
	"已回函", "回函", "回函了", "已回复", "回复了", "已反馈", "反馈了", "复函", "已复函", "返回",
	"已返回", "出具", "已出具", "已出函", "已回", "回了", "已反馈意见",
};
static const char *const no_problem_words[] = {
	"无问题", "没问题", "没有问题", "没啥问题", "没有任何问题", "无任何问题", "无异常", "没有异常",
	"未发现问题", "没发现问题", "无违纪", "无违纪违法", "无违法违纪", "无违纪问题", "无意见",
	"没有意见", "未发现违纪问题", "未发现违纪违法问题", "均无问题", "都没问题",
};
static const char *const problem_words[] = {
	"有问题", "存在问题", "有意见", "有违纪", "如有问题", "如有疑问", "如有需要", "有疑问", "有事",
	"如有事", "有异常",
};
static const char *const sent_bare_post_words[] = {
	"寄", "邮寄", "快递", "要寄",
};
static const char *const sent_bare_words[] = {
	"发", "发送", "送", "交", "提交", "补", "上交", "传", "上传", "送去", "补交", "递交", "移交",
};
static const char *const sent_post_words[] = {
	"已寄出", "已寄", "寄出", "寄出了", "寄了", "寄走了", "已寄走", "已邮寄", "邮寄了", "已快递",
	"快递了", "快递已发", "已发快递", "已经寄出", "已经寄了", "已投递", "已寄送", "寄送了", "已经邮寄",
	"以寄出", "己寄出", "已寄到", "寄到了",
};
static const char *const sent_done_words[] = {
	"已发出", "发出", "发出了", "已发", "发了", "已发送", "发送了", "已送", "已送达", "送达", "送到",
	"送到了", "已送到", "已送出", "送出", "已递送", "已传", "传了", "已发函", "发函", "已函询", "已函",
	"已提交", "提交了", "已提交了", "已经发出", "已经发送", "已经发了", "已经提交", "已发至", "发至",
	"已发到", "发到", "已上交", "上交了", "已交到", "已递交", "已送去", "已征求", "征求了", "已移交",
	"已抄送", "送了", "送走了", "送去了",
};
static const char *const paper_words[] = {
	"纸质", "纸质版", "纸质材料", "纸质件", "纸质档", "纸版", "纸质资料", "原件", "快件", "包裹",
	"书面材料",
};
static const char *const electronic_words[] = {
	"电子版", "电子材料", "电子档", "电子件", "电子文档", "电子资料", "电子版材料", "邮箱", "邮件",
	"电子邮件", "电子邮箱", "扫描件", "压缩包", "网盘",
};
static const char *const courier_words[] = {
	"顺丰", "EMS", "中通", "圆通", "申通", "韵达", "京东", "邮政", "德邦", "机要", "单号", "快递单号",
	"运单号", "运单", "快递号", "查询号", "邮件号", "快递单",
};
static const char *const extend_words[] = {
	"延期到", "延期至", "延期", "延到", "延至", "延后到", "延后至", "延后", "延迟到", "延迟至", "延迟",
	"推迟到", "推迟至", "推迟", "推到", "推后", "推后到", "缓报", "缓交", "宽限到", "宽限至", "宽限",
	"申请延期", "顺延", "顺延到", "顺延至", "延长到", "延长至",
};
static const char *const before_words[] = {
	"前", "之前", "以前",
};
static const char *const to_words[] = {
	"至", "到",
};
static const char *const question_words[] = {
	"多少", "几", "哪些", "吗", "几个", "几户", "几名", "几人", "几位", "哪几项", "哪几个", "收到没有",
	"收到没", "收到了没", "收到了没有", "报了没", "齐了没", "齐了没有",
};
static const char *const weak_question_words[] = {
	"什么", "怎么", "怎么样", "怎样", "哪", "哪个", "哪里", "如何", "是否", "能否", "可否", "能不能",
	"可不可以", "是不是", "有没有", "够不够", "多久", "咋", "谁", "呢", "么", "行不行", "为什么",
	"为啥", "啥",
};
static const char *const when_words[] = {
	"什么时候", "何时", "哪天", "哪一天", "几号", "几点", "几月几号", "什么时间", "啥时候",
};
static const char *const check_words[] = {
	"清单", "目录", "查", "查询", "查看", "查一下", "查下", "看一下", "看下", "看看", "查一查",
};
static const char *const table_words[] = {
	"排名", "名次", "排行", "排行榜", "全区", "各盟市", "其他盟市", "其它盟市", "别的盟市", "全自治区",
	"各地", "兄弟盟市", "其他单位", "别的单位", "各单位",
};
static const char *const quota_words[] = {
	"名额", "指标", "限额", "名额数", "分配名额", "推荐名额", "上限", "下限", "最多能报", "最多可以报",
	"最多报", "能报几户", "能报几名", "能报几个", "能报几人", "能报多少", "可以报几户", "可以报几名",
	"可以报几个", "可以报几人", "可以报多少", "名额分配",
};
static const char *const deadline_words[] = {
	"截止", "截止时间", "截止日期", "截止日", "期限", "最后期限", "报送期限", "最后一天", "还收",
	"还收不收", "收材料", "还接收", "最晚", "最迟",
};
static const char *const progress_words[] = {
	"进度", "进展", "进展情况", "报送进度", "完成进度", "完成情况",
};
static const char *const snooze_words[] = {
	"提醒", "再提醒", "提醒我", "再提醒我", "催", "催我", "再催", "再催我", "再来提醒", "再发",
};
static const char *const no_snooze_words[] = {
	"别催", "别催了", "不要催", "不要催了", "不要再催", "不要再催了", "别再催", "别再催了", "别提醒",
	"别提醒了", "不要提醒", "不用提醒", "不用提醒了", "停止提醒", "别再提醒", "别再提醒了",
	"不要再提醒", "取消提醒", "别发了", "不要再发", "不要再发了", "别再发", "别再发了", "不要发了",
	"关闭提醒", "不要再提醒了", "别老催",
};
static const char *const contact_plain_words[] = {
	"调离", "已调离", "调走", "已调走", "调走了", "离任", "已离任", "离职", "已离职", "退休", "已退休",
	"退休了", "不归我管", "不归我", "不归我们管", "不归我负责", "不是我管", "不是我负责", "不由我负责",
	"不由我管", "不再负责", "不负责", "不再分管", "已不负责", "不在岗", "工作调动", "岗位调整",
	"不是本人", "号码错误", "号码有误", "联系人换了", "换人了", "已换人", "不负责此项工作", "不管这个",
	"不是我的工作", "与我无关", "发错人了", "不干这个",
};
static const char *const contact_name_words[] = {
	"请联系", "改联系", "请与", "请找", "新联系人", "联系人改为", "联系人变更", "联系人变更为",
	"变更联系人", "变更联系人为", "更换联系人", "更换联系人为", "换联系人", "改由", "换人",
	"联系人换成", "联系人变为", "新联系人是", "新联系人为",
};
static const char *const contact_weak_words[] = {
	"联系", "联系人", "联系人是", "联系人为", "移交给", "交接给", "交给", "已移交给", "换成", "请发给",
	"找",
};
static const char *const not_received_words[] = {
	"没收到", "没有收到", "未收到", "收不到", "没收着", "没接到", "未接到", "没有接到", "还没收到",
	"尚未收到", "一直没收到",
};
static const char *const forecast_words[] = {
	"预计", "预期", "大概", "打算", "计划", "拟", "拟报", "拟报送", "准备报", "准备报送", "准备上报",
	"估计", "预估", "预测", "大约", "约", "能报", "可报", "可以报", "想报", "要报", "将报", "预报",
	"预计报", "预计能报", "预计报送", "计划报", "计划报送", "打算报", "大概能报", "拟推荐", "拟上报",
};
static const char *const not_started_words[] = {
	"还没开始", "未开始", "尚未开始", "没开始", "还没启动", "尚未启动", "还没有开始", "未启动",
	"还没动",
};
static const char *const ack_weak_words[] = {
	"好", "行", "嗯", "阅", "可以", "可", "收",
};
static const char *const ack_word_words[] = {
	"好的", "好嘞", "好滴", "好哒", "嗯好", "嗯呢", "好好", "嗯嗯", "明白", "明白了", "了解", "已了解",
	"了解了", "知悉", "已知悉", "已知", "知道了", "知道", "已知晓", "知晓", "收悉", "已收悉", "已阅",
	"阅知", "已阅知", "遵照执行", "照办", "遵命", "好的呢", "没问题的", "[OK]", "[好的]", "[强]",
	"[赞]", "[胜利]", "👌", "👍", "✅", "🆗", "已阅悉", "阅悉", "已确认", "敬悉", "确认收到", "已看到",
	"看到了", "已看", "看到",
};
static const char *const ack_received_words[] = {
	"收到", "收到了", "已收到", "已经收到", "收到提醒", "收到通知", "均已收到", "都收到了",
};
static const char *const promise_words[] = {
	"马上落实", "马上办", "马上办理", "马上处理", "立即落实", "立即办理", "立即办", "抓紧落实",
	"抓紧办理", "抓紧办", "抓紧报送", "抓紧上报", "抓紧报", "尽快落实", "尽快办理", "尽快报送",
	"尽快上报", "尽快报", "马上报送", "马上上报", "马上报", "马上就报", "尽快补齐", "抓紧补齐",
	"抓紧补", "抓紧准备", "抓紧推进", "抓紧时间", "抓紧", "认真落实", "认真贯彻", "认真贯彻落实",
	"遵照落实", "按要求落实", "按要求办理", "按要求报送", "按时报送", "按时上报", "按期报送",
	"按期上报", "会按时报送", "会抓紧", "会尽快", "一定按时", "一定按时报送", "一定抓紧", "落实",
	"尽快完成", "按时完成", "抓紧完成", "确保按时完成", "确保按时报送", "坚决完成", "正在办理",
	"正在落实", "正在推进", "正在处理", "正在抓紧", "正在组织", "正在整理", "已安排", "马上安排",
	"已部署", "尽快安排", "已转办", "已转发", "已传达", "尽快处理", "尽快反馈", "尽快回复",
};
static const char *const courtesy_words[] = {
	"我是", "现将", "现就", "根据通知要求", "按照通知要求", "根据要求", "按照要求", "根据通知",
	"按照通知", "现报告如下", "现汇报如下", "现上报如下", "现报送如下", "情况如下", "报送情况如下",
	"谢谢", "谢谢您", "谢谢啦", "谢谢了", "感谢", "多谢", "谢了", "谢谢领导", "谢谢提醒", "感谢提醒",
	"多谢提醒", "谢谢关心", "辛苦", "辛苦了", "领导辛苦", "领导辛苦了", "您辛苦了", "辛苦啦", "领导",
	"领导们", "领导好", "各位领导", "各位领导好", "您好", "你好", "你们好", "大家好", "老师", "老师好",
	"各位老师", "早上好", "上午好", "中午好", "下午好", "晚上好", "早", "请审阅", "请查收", "请查阅",
	"请审核", "请审示", "请审", "请阅示", "请知悉", "请指示", "请领导审阅", "请领导审核", "请过目",
	"请核实", "请核收", "请接收", "请注意查收", "注意查收", "查收", "审阅", "敬请审阅", "敬请查收",
	"望查收", "麻烦", "麻烦了", "麻烦您", "打扰", "打扰了", "打扰您", "不好意思", "抱歉", "对不起",
	"主任", "处长", "局长", "科长", "主任好", "处长好", "局长好", "科长好", "同志", "同志们", "守望",
	"守望机器人", "机器人", "小守", "小助手", "节日快乐", "周末愉快", "祝好", "致敬", "此致", "敬礼",
	"请收悉", "请收", "报告领导", "向领导报告", "请领导查收", "请登记", "请予登记", "麻烦登记", "登记",
	"请确认", "请予确认", "请予审阅", "🙏", "🌹", "🤝", "💐", "[抱拳]", "[玫瑰]", "[微笑]", "[握手]",
	"[鼓掌]", "[合十]", "[爱心]", "[呲牙]", "[憨笑]", "[咖啡]", "[加油]", "[愉快]", "[社会社会]",
	"[笑脸]", "[太阳]", "[庆祝]", "嘿嘿", "哈哈", "呵呵", "亲", "亲们", "劳驾", "稍等", "请稍等",
};

const struct reply_word_group reply_words[] = {
	{W_VAGUE, 0, 0, vague_words, ARRAY_LEN(vague_words)},
	{W_COUNTER, 0, 0, counter_words, ARRAY_LEN(counter_words)},
	{W_FILLER, 0, 0, filler_words, ARRAY_LEN(filler_words)},
	{W_SELF, 0, 0, self_words, ARRAY_LEN(self_words)},
	{W_ALREADY, ALREADY_ALL, 0, already_all_words, ARRAY_LEN(already_all_words)},
	{W_ALREADY, ALREADY_DONE, 0, already_done_words, ARRAY_LEN(already_done_words)},
	{W_VERB, VERB_BARE, 0, verb_bare_words, ARRAY_LEN(verb_bare_words)},
	{W_VERB, VERB_DONE, 0, verb_done_words, ARRAY_LEN(verb_done_words)},
	{W_VERB, VERB_BARE, TYPED_WRONG, verb_bare_typed_wrong_words, ARRAY_LEN(verb_bare_typed_wrong_words)},
	{W_VERB, VERB_DONE, TYPED_WRONG, verb_done_typed_wrong_words, ARRAY_LEN(verb_done_typed_wrong_words)},
	{W_DELTA, 0, 0, delta_words, ARRAY_LEN(delta_words)},
	{W_CORRECT, 0, 0, correct_words, ARRAY_LEN(correct_words)},
	{W_NEG, 0, 0, neg_words, ARRAY_LEN(neg_words)},
	{W_HEDGE, 0, 0, hedge_words, ARRAY_LEN(hedge_words)},
	{W_UNSURE, 0, 0, unsure_words, ARRAY_LEN(unsure_words)},
	{W_EXCEPT, 0, 0, except_words, ARRAY_LEN(except_words)},
	{W_GAP, 0, 0, gap_words, ARRAY_LEN(gap_words)},
	{W_MATERIALS, 0, 0, materials_words, ARRAY_LEN(materials_words)},
	{W_COMPLETE, 0, 0, complete_words, ARRAY_LEN(complete_words)},
	{W_ARRIVED, 0, 0, arrived_words, ARRAY_LEN(arrived_words)},
	{W_QUALITY, 0, 0, quality_words, ARRAY_LEN(quality_words)},
	{W_SEAL, 0, 0, seal_words, ARRAY_LEN(seal_words)},
	{W_NOTICE, 0, 0, notice_words, ARRAY_LEN(notice_words)},
	{W_START, 0, 0, start_words, ARRAY_LEN(start_words)},
	{W_END, 0, 0, end_words, ARRAY_LEN(end_words)},
	{W_OBJECTION, 0, 0, objection_words, ARRAY_LEN(objection_words)},
	{W_NO_OBJECTION, 0, 0, no_objection_words, ARRAY_LEN(no_objection_words)},
	{W_DISCIPLINE, 0, 0, discipline_words, ARRAY_LEN(discipline_words)},
	{W_REPLIED, 0, 0, replied_words, ARRAY_LEN(replied_words)},
	{W_NO_PROBLEM, 0, 0, no_problem_words, ARRAY_LEN(no_problem_words)},
	{W_PROBLEM, 0, 0, problem_words, ARRAY_LEN(problem_words)},
	{W_SENT, SENT_BARE_POST, 0, sent_bare_post_words, ARRAY_LEN(sent_bare_post_words)},
	{W_SENT, SENT_BARE, 0, sent_bare_words, ARRAY_LEN(sent_bare_words)},
	{W_SENT, SENT_POST, 0, sent_post_words, ARRAY_LEN(sent_post_words)},
	{W_SENT, SENT_DONE, 0, sent_done_words, ARRAY_LEN(sent_done_words)},
	{W_PAPER, 0, 0, paper_words, ARRAY_LEN(paper_words)},
	{W_ELECTRONIC, 0, 0, electronic_words, ARRAY_LEN(electronic_words)},
	{W_COURIER, 0, 0, courier_words, ARRAY_LEN(courier_words)},
	{W_EXTEND, 0, 0, extend_words, ARRAY_LEN(extend_words)},
	{W_BEFORE, 0, 0, before_words, ARRAY_LEN(before_words)},
	{W_TO, 0, 0, to_words, ARRAY_LEN(to_words)},
	{W_QUESTION, 0, 0, question_words, ARRAY_LEN(question_words)},
	{W_WEAK_QUESTION, 0, 0, weak_question_words, ARRAY_LEN(weak_question_words)},
	{W_WHEN, 0, 0, when_words, ARRAY_LEN(when_words)},
	{W_CHECK, 0, 0, check_words, ARRAY_LEN(check_words)},
	{W_TABLE, 0, 0, table_words, ARRAY_LEN(table_words)},
	{W_QUOTA, 0, 0, quota_words, ARRAY_LEN(quota_words)},
	{W_DEADLINE, 0, 0, deadline_words, ARRAY_LEN(deadline_words)},
	{W_PROGRESS, 0, 0, progress_words, ARRAY_LEN(progress_words)},
	{W_SNOOZE, 0, 0, snooze_words, ARRAY_LEN(snooze_words)},
	{W_NO_SNOOZE, 0, 0, no_snooze_words, ARRAY_LEN(no_snooze_words)},
	{W_CONTACT, CONTACT_PLAIN, 0, contact_plain_words, ARRAY_LEN(contact_plain_words)},
	{W_CONTACT, CONTACT_NAME, 0, contact_name_words, ARRAY_LEN(contact_name_words)},
	{W_CONTACT, CONTACT_WEAK, 0, contact_weak_words, ARRAY_LEN(contact_weak_words)},
	{W_NOT_RECEIVED, 0, 0, not_received_words, ARRAY_LEN(not_received_words)},
	{W_FORECAST, 0, 0, forecast_words, ARRAY_LEN(forecast_words)},
	{W_NOT_STARTED, 0, 0, not_started_words, ARRAY_LEN(not_started_words)},
	{W_ACK, ACK_WEAK, 0, ack_weak_words, ARRAY_LEN(ack_weak_words)},
	{W_ACK, ACK_WORD, 0, ack_word_words, ARRAY_LEN(ack_word_words)},
	{W_ACK, ACK_RECEIVED, 0, ack_received_words, ARRAY_LEN(ack_received_words)},
	{W_PROMISE, 0, 0, promise_words, ARRAY_LEN(promise_words)},
	{W_COURTESY, 0, 0, courtesy_words, ARRAY_LEN(courtesy_words)},
};
/* clang-format on */

const size_t reply_words_n = ARRAY_LEN(reply_words);
